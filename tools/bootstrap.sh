#!/usr/bin/env bash
# Sets up what a make target needs and leaves a stamp in .venv: `bootstrap.sh run`, `bootstrap.sh dev`,
# `bootstrap.sh broker` (Java and Maven), `bootstrap.sh postgresql` (Debian's, beside ours, and PgBouncer),
# `bootstrap.sh promtool` (Prometheus), `bootstrap.sh clients` (Node.js and a JDK for the examples of the feed,
# kcat, and AsyncAPI's command line in ~/.cache/buystream), `bootstrap.sh proxies` (nginx and Caddy),
# `bootstrap.sh rivals` (what `make bench` measures beside buystream), `bootstrap.sh judge` (of the transparency log),
# `bootstrap.sh stripe-mock` (both built once, kept in ~/.cache/buystream) or `bootstrap.sh chromium`. Never asks a
# question; what only root may install is named in one line otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "buystream set-up: $*" >&2
    exit 1
}

# apt_install PACKAGE...: as root on a Debian-like system install them, otherwise say exactly what is missing.
apt_install() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "missing system packages, please install: $*   (Debian: apt-get install $*)"
    fi
    echo "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null \
        || fail "apt-get install $* failed, see above"
}

is_supported() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# A pyenv shim exists for versions that don't run, Debian's python3 may lack ensurepip: so each candidate is tried.
find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3; do
        if is_supported "$candidate" && "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    if [ -x .venv/bin/python ] && is_supported .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    if ! python="$(find_python)"; then
        apt_install python3-venv
        python="$(find_python)" || fail "no Python 3.11 or newer found on the PATH"
    fi
    echo "creating .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

# What pip does, a line per package instead of its pages; all of it when it fails.
install() {
    make_venv
    echo "installing $1: a minute or two the first time"
    : >.venv/pip.log # there before the first look at it
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off --no-compile \
        -e "$1" -c constraints.txt >.venv/pip.log 2>&1 &
    show_progress $! .venv/pip.log
    # pip would compile on one core, and a third of it for nothing: these are never imported.
    .venv/bin/python -m compileall -qq -j 0 -x '/(faker|pip|plotly|setuptools)/' .venv/lib/python*/site-packages || true
}

# show_progress PID LOG: names each package that pip takes up, and says every 10 s that it is still at work.
show_progress() {
    local pid=$1 log=$2 shown=0 quiet=0 count line
    while :; do
        local is_running=1
        kill -0 "$pid" 2>/dev/null || is_running=0
        count=$(grep -c '^Collecting ' "$log" || true)
        if [ "$count" -gt "$shown" ]; then
            grep '^Collecting ' "$log" | sed -n "$((shown + 1)),${count}p" | while read -r _ line _; do echo "  $line"; done
            shown=$count quiet=0
        fi
        [ "$is_running" -eq 1 ] || break
        quiet=$((quiet + 1))
        [ $((quiet % 10)) -ne 0 ] || echo "  still at work: $(tail -n 1 "$log" | cut -c 1-80)"
        sleep 1
    done
    wait "$pid" || { cat "$log" >&2; fail "pip could not install it, see above"; }
}

# Go 1.22 or newer builds stripe-mock; a module proxy serves its source.
build_stripe_mock() {
    local version=0.203.0 folder
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/buystream"
    [ -x "$folder/stripe-mock-$version" ] && return
    command -v go >/dev/null || apt_install golang
    [ "$(printf '%s\n' go1.22 "$(go env GOVERSION)" | sort -V | head -n 1)" = go1.22 ] \
        || fail "stripe-mock needs Go 1.22 or newer, found $(go env GOVERSION)"
    echo "building stripe-mock $version"
    mkdir -p "$folder/building"
    GOBIN="$folder/building" go install "github.com/stripe/stripe-mock@v$version" >/dev/null 2>"$folder/building/log" \
        || fail "stripe-mock could not be built, see $folder/building/log"
    mv "$folder/building/stripe-mock" "$folder/stripe-mock-$version"
    rm -rf "$folder/building"
}

# build_judge FOLDER NAME: the program in tests/judges/FOLDER. `go` judges the transparency log: a command line around Go's
# sumdb and Tessera's fsck. `s3` is a store of S3's protocol.
build_judge() {
    local folder sources
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/buystream"
    sources="$(cat "tests/judges/$1/main.go" "tests/judges/$1/go.sum" | sha256sum | cut -c 1-16)"
    [ -x "$folder/$2-$sources" ] && return
    command -v go >/dev/null || apt_install golang
    echo "building what judges: $2"
    mkdir -p "$folder/judging"
    (cd "tests/judges/$1" && go build -o "$folder/judging/$2" .) >/dev/null 2>"$folder/judging/log" \
        || fail "$2 could not be built, see $folder/judging/log"
    mv "$folder/judging/$2" "$folder/$2-$sources"
    rm -rf "$folder/judging"
}

# AsyncAPI's command line, the newest that runs on Node.js 20. Its scripts would download browsers; none is needed.
install_asyncapi_cli() {
    local version=3.6.0 folder
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/buystream/asyncapi-cli-$version"
    [ -x "$folder/node_modules/.bin/asyncapi" ] && return
    echo "installing AsyncAPI's command line $version: a few minutes the first time"
    rm -rf "$folder"
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --silent "@asyncapi/cli@$version" >&2 \
        || { rm -rf "$folder"; fail "AsyncAPI's command line could not be installed, see above"; }
}

case "${1:-}" in
    run)
        install .
        touch .venv/.buystream-run
        ;;
    dev)
        install '.[dev]'
        touch .venv/.buystream-run .venv/.buystream-dev
        ;;
    chromium)
        # The headless shell takes a third less processor time for the same tests; any other Chromium does as well.
        chromium-headless-shell --version >/dev/null 2>&1 && exit 0
        if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
            (apt_install chromium-headless-shell fonts-liberation fonts-noto-color-emoji) && exit 0
        fi
        for browser in chromium chromium-browser google-chrome google-chrome-stable; do
            "$browser" --version >/dev/null 2>&1 && exit 0
        done
        apt_install chromium fonts-liberation fonts-noto-color-emoji
        ;;
    broker)
        missing=()
        command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
        command -v mvn >/dev/null || missing+=(maven)
        [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
        ;;
    postgresql)
        missing=()
        compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
        command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
        [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
        ;;
    clients)
        missing=()
        command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
        command -v node >/dev/null || missing+=(nodejs)
        command -v npm >/dev/null || missing+=(npm)
        command -v kcat >/dev/null || missing+=(kcat)
        [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
        install_asyncapi_cli
        ;;
    proxies)
        missing=()
        command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
        command -v caddy >/dev/null || missing+=(caddy)
        [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
        ;;
    promtool)
        command -v promtool >/dev/null || apt_install prometheus
        ;;
    judge)
        build_judge go judge
        build_judge s3 s3-store
        ;;
    stripe-mock)
        build_stripe_mock
        ;;
    rivals)
        missing=()
        command -v wrk >/dev/null || missing+=(wrk)
        command -v redis-server >/dev/null || missing+=(redis-server)
        command -v redis-benchmark >/dev/null || missing+=(redis-tools)
        [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
        install '.[bench]'
        ;;
    *)
        fail "usage: $0 run|dev|broker|postgresql|clients|promtool|proxies|rivals|judge|stripe-mock|chromium"
        ;;
esac
