#!/bin/busybox sh
# The first process of a guest, once the root is there.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
b=/bin/busybox
ulimit -Hn 524288 # what init systems give
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts devpts /dev/pts
$b mount -t tmpfs shm /dev/shm
$b mount -t tmpfs tmp /tmp
$b chmod 1777 /tmp
$b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t debugfs debugfs /sys/kernel/debug
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t securityfs securityfs /sys/kernel/security
$b ip link set lo up
cd /epolltop
options="-p no:cacheprovider -p no:hypothesispytest -v --color=no"
/venv/bin/python -m pytest $options --junitxml=/run/junit.xml tests/rungs @/run/arguments
echo $? >/run/code
$b tar -C /run -cf - code junit.xml >/run/result
$b sync
$b poweroff -f
