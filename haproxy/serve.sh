# Runs HAProxy: `sh -c "$(cat serve.sh)" serve NUMBER`.
#
# NUMBER 0 is the proxy's own container. It has the network, the published ports and the lock, and it
# stays when HAProxy of another image takes over. That one runs in a container beside it, with a higher
# number, in the same network, processes and shared memory. The highest number that answers serves.
#
# Only a command that has the lock starts one with a higher number: a HAProxy that takes over in the middle
# of a switch would route to the colour before. Docker never starts it again. Where it ends, or the
# proxy's container starts again, HAProxy of the proxy's own container serves at once.
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

stop() {
    stopping=1
    serving=$(newest)
    for each in $child ${serving:+$(master "$serving")}; do kill -USR1 "$each"; done
}
until_it_ends() { # a signal interrupts `wait`
    child=$1
    wait "$child"
    code=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        code=$?
    done
}
find_serving() { # a successor may not answer yet when its predecessor has ended
    looks=50
    while serving=$(newest) && [ -z "$serving" ] && [ "$looks" -gt 0 ] && one_runs; do
        sleep 0.1
        looks=$((looks - 1))
    done
    [ -n "$serving" ]
}
one_runs() {
    grep -qsxz haproxy /proc/[0-9]*/cmdline
}

trap stop USR1
while :; do
    "$@" &
    until_it_ends $!
    if [ -z "$stopping" ] && ! find_serving; then exit "$code"; fi # Docker starts this container again
    while [ -z "$stopping" ] && find_serving; do
        # HAProxy closes this connection when it ends, and when it reloads.
        socat -u "UNIX-CONNECT:$(socket "$serving")" - >/dev/null 2>&1 &
        until_it_ends $!
        sleep 0.1
    done
    if [ -n "$stopping" ]; then break; fi
done
while [ -n "$(newest)" ]; do sleep 0.05; done
exit 0
