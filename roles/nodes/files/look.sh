# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# Looks at nodes from where it runs, and prints what it sees, a fact in each line. It reads, and writes nothing.
# Arguments: seconds for each connection; then for each node NAME=ADDRESS, or isolation=ADDRESS for others.
LC_ALL=C
export LC_ALL
seconds=$1
shift
for tool in bash openssl timeout awk; do  # without them everybody would seem silent
  command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 1; }
done

connection() {  # address, port: what comes back from it
  # shellcheck disable=SC2016  # these are the inner shell's
  found=$(timeout "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/$1" && echo accepts && read -r line <&3 && echo "$line"' "$1" "$2" 2>&1)
  case $found in
    *accepts*SSH-*) echo answers ;;
    *accepts*) echo accepts ;;
    *refused*) echo refuses ;;
    *) echo silent ;;
  esac
}

noded() {  # address: whether its node daemon speaks TLS
  case $1 in *:*) host="[$1]" ;; *) host=$1 ;; esac
  found=$(timeout "$seconds" openssl s_client -connect "$host:1811" </dev/null 2>&1)
  case $found in
    *'BEGIN CERTIFICATE'*) echo answers ;;
    *) connection "$1" 1811 ;;
  esac
}

outside() {  # address: whether anything comes back from it
  ping -c 1 -W "$seconds" "$1" >/dev/null 2>&1 && echo answers && return
  connection "$1" 22
}

echo look 1
echo "boot_id $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "master $(cat /var/lib/ganeti/ssconf_master_node 2>/dev/null)"
started=0
for pair in "$@"; do
  name=${pair%%=*} address=${pair#*=}
  if [ "$name" = isolation ]; then
    echo "outside $address $(outside "$address")" &
  else
    echo "reach $name $(connection "$address" 22)" &
    echo "reach $name $(noded "$address")" &
  fi
  started=$((started + 1))
  [ $((started % 40)) -eq 0 ] && wait  # so many at once are enough for a node that has work to do
done
# DRBD: the state of each minor, and the address of its peer
sed -n 's/^ *\([0-9][0-9]*\): cs:\([A-Za-z]*\) .*/drbd \1 \2/p' /proc/drbd 2>/dev/null
timeout "$seconds" drbdsetup show 2>/dev/null | awk '
  /^resource/ { minor = peer = ""; remote = 0 }
  /_remote_host/ { remote = 1 }
  remote && /address/ {
    for (i = 1; i <= NF; i++) if ($i ~ /:[0-9]+;?$/) peer = $i
    sub(/;$/, "", peer); sub(/:[0-9]+$/, "", peer); gsub(/[][]/, "", peer); remote = 0
  }
  /device.*minor/ { for (i = 1; i <= NF; i++) if ($i == "minor") minor = $(i + 1) + 0 }
  minor != "" && peer != "" { print "peer", minor, peer; peer = "" }'
wait
echo end
