#!/usr/bin/env bash
# Install the programs that the tests talk to, from Debian's packages, where they are
# missing. Without the right to install, say what to do; on a build server (CI) fail.
set -euo pipefail

# Debian puts Orthanc in /usr/sbin, which is not on everybody's PATH.
export PATH=$PATH:/usr/sbin

missing=()
for program in storescu storescp echoscu dcmdump dcmconv; do
  command -v "$program" >/dev/null || { missing+=(dcmtk); break; }
done
command -v Orthanc >/dev/null || missing+=(orthanc)
command -v gdcmdump >/dev/null || missing+=(libgdcm-tools)
command -v dciodvfy >/dev/null || missing+=(dicom3tools)
command -v chromium >/dev/null || missing+=(chromium)
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
((${#missing[@]})) || exit 0

if command -v apt-get >/dev/null; then
  as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo -n)
  if [[ $(id -u) -eq 0 ]] || sudo -n true 2>/dev/null; then
    echo "== installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    exit 0
  fi
fi

echo "tests: missing ${missing[*]}, the tests that need them are left out;" \
  "install them (Debian: apt-get install ${missing[*]})" >&2
[[ -z ${CI:-} ]]
