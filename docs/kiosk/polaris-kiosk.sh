#!/bin/sh
# Shows a display of Polaris Express on the screen of this computer, and heals what the page can't heal itself.
# POLARIS_KIOSK_PORTAL is the portal's address, such as https://charge.example.org; docs/kiosk.md tells the rest.
set -eu

portal=${POLARIS_KIOSK_PORTAL:?is missing: the address of the portal, such as https://charge.example.org}
portal=${portal%/}
port=${portal#*://}
port=${port%%/*}
port=${port##*:}
case $port in
    '' | *[!0-9]*)  # it names none: that was its host, or the end of an IPv6 address
        case $portal in
            http://*) port=80 ;;
            *) port=443 ;;
        esac
        ;;
esac
token_file=${POLARIS_KIOSK_TOKEN_FILE:-/etc/polaris-kiosk/token}
profile=${STATE_DIRECTORY:-$HOME/.local/state/polaris-kiosk}/profile
ours=${RUNTIME_DIRECTORY:-${XDG_RUNTIME_DIR:-$HOME/.cache}/polaris-kiosk}
start=$ours/start.html
every=${POLARIS_KIOSK_EVERY:-3}  # seconds between two looks at a portal that is not there yet
watch=${POLARIS_KIOSK_WATCH:-1}  # seconds between two looks at what the browser does

umask 077
mkdir -p "$profile" "$ours"
rm -f "$profile"/Singleton* # a power cut leaves it, and with another host name it keeps the browser from starting

is_up() {  # 200 from the portal, or its own 404 for whom /healthz is not meant; if not, $why says why
    failed=0
    answer=$(curl --silent --connect-timeout 4 --max-time 5 --output /dev/null --write-out '%{http_code}' \
        "$portal/healthz") || failed=$?
    case $answer in
        200 | 404) return 0 ;;
        000) ;;
        502 | 503 | 504) why="It answers $answer: the portal behind it is away, or not ready." ; return 1 ;;
        *) why="It answers $answer: is this the address of the portal?" ; return 1 ;;
    esac
    case $failed in
        1 | 3) why="This is no address: is it right in /etc/polaris-kiosk/settings?" ;;
        6) why="The name was not found: is there a network, and is the address right?" ;;
        7) why="No connection: is there a network, and does the portal run?" ;;
        28) why="No answer within 5 seconds." ;;
        51 | 60) why="The certificate is not trusted: is the date right?" ;;
        *) why="No proper answer (curl $failed)." ;;
    esac
    return 1
}

here() {  # what this computer is called in its network, and the time it goes by
    addresses=$(ip -o address show scope global 2>/dev/null | sed -n 's|.* inet6* \([^/ ]*\).*|\1|p' | tr '\n' ' ')
    echo "This computer: ${addresses:-no address }at $(date -u '+%Y-%m-%d %H:%M UTC')"
}

escaped() {
    printf '%s' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'
}

# The browser's first page, a file that only this user reads: the token is in no list of processes. Its arguments are
# text: seconds until it is loaded again (or "0; url=" and where to), a heading, the lines below.
show() {
    printf '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="%s"><title>Polaris Express</title>
<body style="background:#000;color:#999;font:5vmin sans-serif;padding:8vmin;overflow-wrap:anywhere">%s
<p style="font-size:4vmin;line-height:1.5;white-space:pre-line">%s</body>\n' \
        "$(escaped "$1")" "$(escaped "$2")" "$(escaped "$3")" >"$start.new"
    mv "$start.new" "$start"
}

heard() {  # the connections to the portal (sk:…) that got something in the last 14 seconds; "$1" is for ss
    connections=$(ss "$1" state established "dport = :$port" 2>/dev/null) || return
    printf '%s\n' "$connections" | awk -v browser="$2" '
        match($0, / sk:[0-9a-f]+/) { one = !browser || index($0, browser) ? substr($0, RSTART, RLENGTH) : ""; next }
        # What the kernel knows of a connection is in the line below it.
        one && (!match($0, /lastrcv:[0-9]+/) || substr($0, RSTART + 8) + 0 < 14000) { printf "%s", one }'
}

# A page that lives has heard from the portal in the last 14 seconds; where ss can't say, it may have. Whose a
# connection is is asked once: for that ss goes through all files that all processes have open.
known= # the browser's connections
hears() {
    heard=$(heard -Htnei "") || return 0
    for one in $heard; do
        case "$known " in *" $one "*) return 0 ;; esac
    done
    known=${heard:+$(heard -Htnpei '"chrom')} || return 0
    [ -n "$known" ]
}

end() {
    trap - EXIT INT TERM HUP
    kill ${keeper:+"$keeper"} ${browser:+"$browser"} 2>/dev/null || true
    wait
    exit "$1"
}
trap 'end $?' EXIT
trap 'end 0' INT TERM HUP

# A screen neither blanks nor sleeps. The server of the X window system may have been told already.
if command -v xset >/dev/null; then
    xset s off s noblank -dpms 2>/dev/null || true
fi
# Without a window manager nobody else tells the browser how large the screen is.
size=
if command -v xrandr >/dev/null; then
    for _ in 1 2 3 4 5; do # the server may just be busy with those who came before
        size=$(xrandr 2>/dev/null | sed -n 's/.*current \([0-9]*\) x \([0-9]*\),.*/\1 \2/p')
        [ -z "$size" ] || break
        sleep 1
    done
    [ -n "$size" ] || echo "xrandr does not say how large the screen is." >&2
    # One pixel more each way: without one it leaves out the last column and row.
    size=${size:+$((${size% *} + 1)),$((${size#* } + 1))}
fi

show "$every" "Waiting for $portal …" ""
# shellcheck disable=SC2086  # what POLARIS_KIOSK_FLAGS holds is meant to be several words
chromium --kiosk --window-position=0,0 ${size:+"--window-size=$size"} --user-data-dir="$profile" \
    --no-first-run --no-default-browser-check --noerrdialogs --hide-crash-restore-bubble --disable-infobars \
    --disable-session-crashed-bubble --password-store=basic --use-mock-keychain --disable-sync \
    --disable-features=Translate,TranslateUI,MediaRouter,InfiniteSessionRestore --disable-translate \
    --disable-pinch --overscroll-history-navigation=0 --disable-component-update --disable-background-networking \
    --check-for-update-interval=31536000 --disable-extensions --force-device-scale-factor=1 \
    --js-flags=--max-old-space-size=32 \
    ${POLARIS_KIOSK_FLAGS:-} "file://$start" &
browser=$!

keep() {
    until is_up; do
        show "$every" "Waiting for $portal …" "$why
$(here)"
        sleep "$every"
    done
    page=$portal/kiosk
    if [ -r "$token_file" ]; then
        page=$page/$(tr -d '[:space:]' <"$token_file")
    fi
    show "0; url=$page" "" ""
    # The page heals itself, but after a network that lost all without a word not as soon as could be; and a page that
    # crashed, or a browser on its own error page, does not. So: it hears nothing, the portal is up, and still it hears
    # nothing: it is loaded anew. Where that is in vain, less and less often: a page may take long to come, and some
    # come back by themselves (429, no cookies). In the end the browser begins anew, with the service.
    patience=10 # looks, for which a page may take until it is connected
    pause=10
    tries=0
    well=0
    while sleep "$watch"; do
        patience=$((patience - 1))
        if hears; then
            # Not at the first such look: any page that is loaded is heard for 14 seconds at most.
            if [ $((well += 1)) -ge 10 ]; then
                patience=0
                pause=10
                tries=0
            fi
            sleep "$watch" # all is well: half as many looks will do
            continue
        fi
        well=0
        if [ "$patience" -le 0 ] && is_up && ! hears; then
            if [ $((tries += 1)) -gt 8 ]; then
                echo "The portal is up and the browser hears nothing from it: the browser is started anew." >&2
                kill "$browser"
                return
            fi
            echo "The portal is up and the page hears nothing from it: the page is loaded anew." >&2
            xdotool key F5 || true
            if [ "$tries" -gt 3 ]; then
                pause=$((pause * 2))
                patience=$pause
            else
                patience=1 # its load may have got a connection that was being tried since before, and fails with it
            fi
        fi
    done
}
keep &
keeper=$!
wait "$browser" || true
exit 1  # it never ends on purpose: the service starts it again
