# Sourced by bin/run and bin/test (POSIX sh), with the repository as working folder.
# make_venv FILE: a .venv that holds what FILE (requirements.txt or requirements-dev.txt) pins.

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

is_suitable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        is_suitable "$python" && return 0
    else
        for python in python3.13 python3.12 python3.11 python3; do
            is_suitable "$python" && return 0
        done
    fi
    if found=$("$python" -V 2>&1); then
        found="$python is $found"
    else
        found="$python is not there"
    fi
    fail "CAPI Relay needs Python 3.11, 3.12 or 3.13, but $found: install one of them, or name it (PYTHON=/path/to/python3.12)."
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

is_stamped() {
    grep -qx "$1" .venv/capi-relay-stamp 2>/dev/null
}

make_venv() {
    requirements=$1
    # A good environment stays, even when the search path leads to another Python today.
    python=.venv/bin/python
    if [ -n "${PYTHON:-}" ] || ! is_suitable "$python" || ! is_stamped "$(stamp_of "$python")"; then
        find_python
    fi
    if ! [ -x .venv/bin/python ] || ! is_stamped "$(stamp_of "$python")"; then
        echo "Making .venv with $("$python" -V) ..." >&2
        if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            fail "$python has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv) and start again."
        fi
        if ! output=$("$python" -m venv --clear .venv 2>&1); then
            printf '%s\n' "$output" >&2
            fail "The virtual environment .venv cannot be made in $(pwd) (see the lines above)."
        fi
        stamp_of "$python" >.venv/capi-relay-stamp
    fi
    is_stamped "$(stamp_of "$python" requirements.txt "$requirements")" && return 0
    echo "Installing what $requirements pins (once; may take a minute) ..." >&2
    if ! output=$(.venv/bin/python -m pip install --quiet --disable-pip-version-check \
        -r "$requirements" 2>&1); then
        printf '%s\n' "$output" | tail -n 5 >&2
        fail "The packages in $requirements could not be installed: is a Python package index within reach? (pip's last words are above; PIP_INDEX_URL names another index.)"
    fi
    # Written last, so that an interrupted installation is done again. New pins are installed over
    # the old ones; stamps of older pins go, so that going back to them installs them again.
    {
        stamp_of "$python"
        stamp_of "$python" requirements.txt requirements.txt
        [ "$requirements" = requirements.txt ] || stamp_of "$python" requirements.txt "$requirements"
    } >.venv/capi-relay-stamp
}
