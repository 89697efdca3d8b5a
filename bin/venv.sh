# Sourced by bin/run and bin/test (POSIX sh), with the repository as working folder.

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

is_suitable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# A distribution's own, or one that was configured with --enable-optimizations: others are up to a
# fifth slower.
is_optimized() {
    "$1" -c 'import sys, sysconfig
arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
sys.exit(sys.base_prefix != "/usr" and "--enable-optimizations" not in arguments)' 2>/dev/null
}

# The newest optimized Python, or else the newest.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        is_suitable "$python" && return 0
    else
        suitable=
        for python in python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
            is_suitable "$python" || continue
            is_optimized "$python" && return 0
            suitable=${suitable:-$python}
        done
        python=${suitable:-$python}
        [ -z "$suitable" ] || return 0
    fi
    if found=$("$python" -V 2>&1); then
        found="$python is $found"
    else
        found="$python isn't installed"
    fi
    fail "CAPI Relay needs Python 3.11, 3.12, 3.13 or 3.14, but $found. Install one of them, or set PYTHON=/path/to/python3.12."
}

# The stamp of an environment made with Python $1 in this folder, holding the files that follow.
stamp_of() {
    interpreter=$1
    shift
    "$interpreter" -c '
import hashlib, os, sys
digest = hashlib.sha256(f"{sys.version} {os.getcwd()}".encode())
for path in sys.argv[1:]:
    digest.update(open(path, "rb").read())
print(digest.hexdigest())' "$@"
}

# Whether the environment in the folder $1 has the stamp $2.
is_stamped() {
    grep -qx "$2" "$1/capi-relay-stamp" 2>/dev/null
}

# Prints a line every few seconds while pip installs the packages of $1 into the environment $2 and
# writes to the log $3. Ends when the log is removed, or with this shell.
report_progress() {
    wanted=$(grep -c '^[A-Za-z0-9]' "$1")
    before=$(count_installed "$2")
    while sleep 3 && [ -e "$3" ] && kill -0 $$ 2>/dev/null; do
        if grep -q '^Installing collected packages' "$3"; then
            echo "  ... installing: $(($(count_installed "$2") - before)) of $wanted packages" >&2
        else
            echo "  ... downloading: $(grep -c '^Collecting ' "$3") of $wanted packages" >&2
        fi
    done
}

count_installed() {
    set -- "$1"/lib/python*/site-packages/*.dist-info
    echo $#
}

# make_venv FILE [FOLDER]: FOLDER (.venv) holds what FILE pins, created and installed as needed.
make_venv() {
    requirements=$1
    folder=${2:-.venv}
    # A good environment stays, even when the search path leads to another Python today.
    python=$folder/bin/python
    if [ -n "${PYTHON:-}" ] || ! is_suitable "$python" || ! is_stamped "$folder" "$(stamp_of "$python")"; then
        find_python
    fi
    if ! [ -x "$folder/bin/python" ] || ! is_stamped "$folder" "$(stamp_of "$python")"; then
        echo "Creating $folder with $("$python" -V) ..." >&2
        if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            fail "$python has no venv module. Install it (Debian and Ubuntu: apt-get install python3-venv), then try again."
        fi
        if ! output=$("$python" -m venv --clear "$folder" 2>&1); then
            printf '%s\n' "$output" >&2
            fail "Couldn't create the virtual environment $folder in $(pwd) (see above)."
        fi
        stamp_of "$python" >"$folder/capi-relay-stamp"
    fi
    is_stamped "$folder" "$(stamp_of "$python" requirements.txt "$requirements")" && return 0
    echo "Installing the packages of $requirements into $folder (once; may take a minute) ..." >&2
    log=$folder/pip.log
    : >"$log"
    report_progress "$requirements" "$folder" "$log" &
    status=0
    "$folder/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes \
        -r "$requirements" >"$log" 2>&1 || status=$?
    output=$(tail -n 5 "$log")
    rm -f "$log"
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "$output" >&2
        fail "The packages in $requirements could not be installed. Can this machine reach a Python package index? (pip's last output is above; set PIP_INDEX_URL to use another index.)"
    fi
    # Written last, so that an interrupted installation is done again. New pins are installed over
    # the old ones; stamps of older pins go, so that going back to them installs them again.
    {
        stamp_of "$python"
        stamp_of "$python" requirements.txt requirements.txt
        [ "$requirements" = requirements.txt ] || stamp_of "$python" requirements.txt "$requirements"
    } >"$folder/capi-relay-stamp"
}
