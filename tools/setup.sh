#!/bin/sh
# Makes .venv with exactly the versions of uv.lock. It needs Python 3.11 or newer and nothing else, and writes only inside
# this folder: a pinned uv goes to .cache/uv-tool, downloads to .cache. `make` calls it when the lock has changed.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9
tool="$PWD/.cache/uv-tool"

# A python that is merely on PATH may be a launcher without a version behind it, so each candidate is asked.
find_python() {
    for name in ${PILOTAGE_PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "Pilotage needs Python 3.11 or newer, and none is on PATH. Install one, or set PILOTAGE_PYTHON to its path." >&2
    exit 1
}

# A virtual environment where this Python can make one; else its pip alone is enough.
install_uv() {
    rm -rf "$tool"
    if "$python" -m venv "$tool" >/dev/null 2>&1; then
        "$tool/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    elif rm -rf "$tool" && "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install --quiet --disable-pip-version-check --target "$tool" "uv==$UV_VERSION"
    else
        echo "$python has neither venv nor pip. Install them (on Debian and Ubuntu: python3-venv), or set PILOTAGE_PYTHON" >&2
        echo "to the path of a Python 3.11 or newer that has one of them." >&2
        exit 1
    fi
    echo "$UV_VERSION" >"$tool/version"
}

export PIP_CACHE_DIR="$PWD/.cache/pip"
export UV_CACHE_DIR="$PWD/.cache/uv"
export UV_PROJECT_ENVIRONMENT="$PWD/.venv"
export UV_PYTHON_DOWNLOADS=never   # the machine's own Python runs everything
export UV_PYTHON_PREFERENCE=only-system
export UV_SYSTEM_CERTS=1           # trust what the machine trusts, as pip does
export UV_COMPILE_BYTECODE=1       # once here, and not at every start where Python may not write beside its sources
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

python=$(find_python)
if [ "$(cat "$tool/version" 2>/dev/null || true)" != "$UV_VERSION" ]; then
    echo "Setting up: uv $UV_VERSION with $python"
    install_uv
fi
echo "Setting up: .venv from uv.lock"
"$tool/bin/uv" sync --frozen --quiet --python "$python"
touch .venv/.ready
