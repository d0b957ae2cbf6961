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

ssh_banner() {  # address: what its SSH server says
  # shellcheck disable=SC2016  # these are the inner shell's
  found=$(timeout "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/22" && echo accepts && read -r line <&3 && echo "$line"' "$1" 2>&1)
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
    *CONNECTED*) echo accepts ;;
    *refused*) echo refuses ;;
    *) echo silent ;;
  esac
}

outside() {  # address: whether anything comes back from it
  ping -c 1 -W "$seconds" "$1" >/dev/null 2>&1 && echo answers && return
  ssh_banner "$1"
}

echo look 1
echo "boot_id $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "master $(cat /var/lib/ganeti/ssconf_master_node 2>/dev/null)"
for pair in "$@"; do
  name=${pair%%=*} address=${pair#*=}
  if [ "$name" = isolation ]; then
    echo "outside $address $(outside "$address")" &
  else
    echo "reach $name $(ssh_banner "$address")" &
    echo "reach $name $(noded "$address")" &
  fi
done
# DRBD: the minors that are connected, and the addresses of their peers
sed -n 's/^ *\([0-9][0-9]*\): cs:\([A-Za-z]*\) .*/drbd \1 \2/p' /proc/drbd 2>/dev/null
timeout "$seconds" drbdsetup show 2>/dev/null | awk '
  /device.*minor/ { for (i = 1; i <= NF; i++) if ($i == "minor") minor = $(i + 1) + 0 }
  /_remote_host/ { remote = 1 }
  remote && /address/ {
    peer = $3; sub(/;$/, "", peer); sub(/:[0-9]+$/, "", peer); gsub(/[][]/, "", peer)
    print "peer", minor, peer; remote = 0
  }'
wait
echo end
