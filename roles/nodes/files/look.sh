# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# Looks at nodes from where it runs, and prints what it sees, a fact in each line. It reads, and writes nothing.
# Arguments: seconds for each connection; the time of the machine that asks, in seconds since the epoch; deep=GROUP, if the
# node is also to look at itself, with the name of its volume group; then for each node to reach NAME=ADDRESS, or isolation=ADDRESS for others.
LC_ALL=C
export LC_ALL
seconds=$1 sent=$2
shift 2
deep='' group=''
case $1 in deep=*) deep=1 group=${1#deep=} && shift ;; esac
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
    *) echo silent ;;
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
    echo "reach $name $(connection "$address" 22) $address" &
    echo "reach $name $(connection "$address" 1811) $address" &  # all at once: of a silent node each takes its whole time
    echo "reach $name $(noded "$address") $address" &
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
[ "$deep" ] || exit 0

# What the node says of itself comes last: a disk that hangs must not cost the answers above.
echo "clock $(date +%s) $sent"
ps -o etimes= -p 1 2>/dev/null | sed 's/^ */up /'  # seconds since it booted
for daemon in $(/usr/lib/ganeti/daemon-util list-start-daemons 2>/dev/null); do
  pid=$(cat "/var/run/ganeti/$daemon.pid" 2>/dev/null)
  case $daemon:$pid in
    ganeti-noded:|ganeti-confd:) echo "dead $daemon" ;;  # these run on every node
    *:) ;;
    *) [ -d "/proc/$pid" ] || echo "dead $daemon" ;;
  esac
done
for daemon in ganeti-wconfd ganeti-luxid; do  # of a master
  pid=$(cat "/var/run/ganeti/$daemon.pid" 2>/dev/null)
  [ "$pid" ] && [ -d "/proc/$pid" ] && echo "runs $daemon"
done
[ -f /var/lib/ganeti/config.data ] && echo config is there
blind=''  # whether guests may run that can't be seen
for folder in /var/run/ganeti /var/run/ganeti/kvm-hypervisor /var/run/ganeti/kvm-hypervisor/pid; do
  [ ! -d "$folder" ] || { [ -r "$folder" ] && [ -x "$folder" ]; } || blind=1
done
for file in /var/run/ganeti/kvm-hypervisor/pid/*; do
  [ -f "$file" ] || continue
  [ -r "$file" ] || blind=1
  pid=$(cat "$file") name=${file##*/}
  case $pid in '' | *[!0-9]*) continue ;; esac
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qFx -e "$name" -e "guest=$name" && echo "guest $name"
done
for file in /var/run/ganeti/fake-hypervisor/*; do
  [ -f "$file" ] && echo "guest ${file##*/}"
done
# of Xen, without domains that shut down, have crashed, are dying, or are half of a migration
if command -v xl >/dev/null; then
  domains=$(timeout "$seconds" xl list 2>/dev/null) || blind=1
  echo "$domains" |
    awk 'NR > 1 && $1 != "Domain-0" && $1 !~ /--(incoming|migratedaway)$/ && $5 !~ /[scd]/ { print "guest", $1 }'
fi
[ "$blind" ] || echo guests told
# file systems that /etc/fstab wants writable, and that have become read-only
awk 'FILENAME == "/etc/fstab" {
    at = $2; if (at != "/") sub(/\/$/, "", at)
    if ($1 !~ /^#/ && $4 !~ /(^|,)ro(,|$)/) writable[at]
    next
  }
  $2 ~ /^(\/|\/var|\/var\/lib|\/var\/lib\/ganeti|\/var\/log)$/ { mode[$2] = $4 }
  END { for (at in mode) if (mode[at] ~ /^ro(,|$)/ && (at in writable)) print "readonly", at }' /etc/fstab /proc/mounts 2>/dev/null
for inodes in "" i; do
  timeout "$seconds" df "-P$inodes" / /var/lib/ganeti /var/log 2>/dev/null |
    awk -v of="${inodes:+inodes}" 'NR > 1 && $5 ~ /%$/ { print "space", $6, $5 + 0, of }'
done
# DRBD: the minors that may be written here, and the state of each minor's own disk
sed -n 's|^ *\([0-9][0-9]*\): cs:.* ro:Primary/.*|primary \1|p' /proc/drbd 2>/dev/null
sed -n 's|^ *\([0-9][0-9]*\): cs:.* ds:\([A-Za-z]*\)/.*|disk \1 \2|p' /proc/drbd 2>/dev/null
# the kernel's log of the last hour
timeout "$seconds" dmesg 2>/dev/null | awk -v now="$(cut -d . -f 1 /proc/uptime)" '
  { at = $0; sub(/^\[ */, "", at); if (at + 0 < now - 3600) next }
  /I\/O error|medium error/ && $0 !~ /dev (fd|sr|loop|nbd)/ && match($0, /dev [a-z][a-z0-9-]*/) { errors[substr($0, RSTART + 4, RLENGTH - 4)]++ }
  /\[Hardware Error\]/ { checks++ }
  END { for (device in errors) print "errors", device, errors[device]; if (checks) print "checks", checks }'
# LVM last, as it may wait for a disk for ever
# Ganeti tags each logical volume with the name of its instance
[ "$group" ] && timeout -k 1 "$seconds" lvs --noheadings -o lv_name,lv_tags "$group" 2>/dev/null |
  sed -n 's/^ *\([^ ]*\) .*originstname+\([^ ,]*\).*/volume \1 \2/p'
[ "$group" ] && timeout -k 1 "$seconds" vgs --noheadings -o vg_missing_pv_count,vg_name "$group" 2>/dev/null | sed 's/^ */missing /'
echo whole
