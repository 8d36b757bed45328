# Sourced by tools/run and tools/test: makes .venv in the checkout and installs the locked dependencies with the extras asked for.
# Usage: . tools/setup.sh; set_up synth

find_python() {
  for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "speechcnn: no Python 3.11 or newer with venv was found. Install one, or name it: PYTHON=/path/to/python $0" >&2
  return 1
}

set_up() { # set_up EXTRA: the environment is remade only when what it is made from has changed
  local extra=$1 stamp
  if [ ! -x .venv/bin/python ]; then
    "$(find_python)" -m venv .venv || return 1
  fi
  stamp=".venv/.installed-$extra"
  if [ ! -e "$stamp" ] || [ constraints.txt -nt "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    echo "Installing speechcnn[$extra] (about 3 GB of downloads the first time, most of it torch) ..." >&2
    .venv/bin/python -m pip install --progress-bar on --disable-pip-version-check \
      --constraint constraints.txt --editable ".[$extra]" || return 1
    touch "$stamp"
  fi
}
