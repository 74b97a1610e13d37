"""HAProxy's counters and stick tables, read as traffic statistics."""

from __future__ import annotations

from compose_bluegreen.adapters.haproxy.stats import traffic_stats
from compose_bluegreen.domain.traffic_stats import TrafficStats

STAT = """# pxname,svname,stot,hrsp_5xx,econ,eresp,cli_abrt,srv_abrt,scur
web-green-8080,replica1,99,99,99,99,99,99,
web-green-8080,BACKEND,154,12,3,9,2,4,1
web-green-9090,BACKEND,6,,1,0,0,0,0
web-blue-8080,BACKEND,1000,50,50,50,50,50,0
"""
TABLE = """# table: web-green-8080, type: integer, size:1024, used:2
0x7f5ceaa8b6d0: key=0 use=0 exp=86398774 shard=0 gpc0=86 gpc0_rate(300000)=80
0x7f5ceaa8bcd0: key=150 use=1 exp=86397373 gpc0=4 gpc0_rate(300000)=0

"""


def test_haproxys_output_is_read() -> None:
    found = traffic_stats(STAT, ["web-green-8080", "web-green-9090"], [TABLE, "Unknown table\n"])
    assert found == TrafficStats(160, 12, 8, {0: 86, 150: 4}, {0: 80, 150: 0})
