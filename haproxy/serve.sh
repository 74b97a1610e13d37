# Runs HAProxy: `sh -c "$(cat serve.sh)" serve NUMBER`.
#
# NUMBER 0 is the proxy's own container. It has the network, the published ports and the lock, and it
# stays when HAProxy of another image takes over. That one runs in a container beside it, with a higher
# number, in the same network, processes and shared memory. The highest number that answers serves.
#
# Nothing is written down: where the proxy's container starts again, its own HAProxy serves at once, and
# that of the higher number, if Docker starts it, takes over again. Where none answers any more, the
# proxy's container ends and Docker starts it again.
number=$1 shm=/dev/shm/bluegreen

socket() {
    if [ "$1" = 0 ]; then echo "$shm-master.sock"; else echo "$shm-$1.sock"; fi
}

answers() {
    socat -u /dev/null "UNIX-CONNECT:$(socket "$1")" 2>/dev/null
}

newest() {
    highest=
    for each in 0 "$shm"-[0-9]*.sock; do
        each=${each#"$shm-"} each=${each%.sock}
        case $each in *[!0-9]*) continue ;; esac
        if [ "$each" -ge "${highest:-0}" ] && answers "$each"; then highest=$each; fi
    done
    echo "$highest"
}

master() {
    echo "show proc" | socat -t2 - "UNIX-CONNECT:$(socket "$1")" 2>/dev/null |
        while read -r pid type _; do if [ "$type" = master ]; then echo "$pid"; fi; done
}

serving=$(newest)
if [ "${serving:-0}" -gt "$number" ]; then exit 0; fi # another one took over from this one
old=${serving:+$(master "$serving")}

set -- haproxy -W -db -S "$(socket "$number"),mode,660" -f /var/lib/bluegreen/haproxy.cfg
if [ "$number" != 0 ]; then
    # It gets the listening sockets, and tells the old one to finish once it accepts connections itself.
    if [ -n "$old" ]; then set -- "$@" -x "$shm-listeners.sock" -sf "$old"; fi
    exec "$@"
fi

"$@" &
child=$!
trap 'stopping=1; kill -USR1 "$child"' USR1
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
if [ -n "$stopping" ]; then exit 0; fi
# Its code is 0 if another HAProxy took over, which on a busy machine may not answer yet.
looks=50
while [ "$code" = 0 ] && [ "$looks" -gt 0 ] && [ -z "$(newest)" ]; do
    sleep 0.1
    looks=$((looks - 1))
done
if [ -z "$(newest)" ]; then exit "$code"; fi # Docker starts this container again

finish() {
    old=$(master "$(newest)")
    if [ -n "$old" ] && kill -USR1 "$old"; then
        while kill -0 "$old" 2>/dev/null; do sleep 0.05; done
    fi
    exit 0
}
trap finish USR1
missed=0
while [ "$missed" -lt 3 ]; do
    sleep 2 &
    wait $!
    if [ -n "$(newest)" ]; then missed=0; else missed=$((missed + 1)); fi
done
exit 1
