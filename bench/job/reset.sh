# Runs on a host: undoes the gateway job, whoever has made it, so that the next run is a first one.
systemctl -q disable provision-nat.service 2>/dev/null
rm -f /etc/sysctl.d/99-gw.conf /etc/sysctl.d/99-zz-provision-*.conf /etc/gateway-rules.v4 \
  /etc/firewalld/zones/public.xml /etc/firewalld/zones/internal.xml /etc/firewalld/policies/provision-forward.xml \
  /etc/provision/nat.* /etc/systemd/system/provision-nat.service
systemctl daemon-reload
nft delete table ip provision 2>/dev/null
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.tcp_fin_timeout=60 net.core.somaxconn=4096
docker network rm eip_bridge >/dev/null 2>&1
firewall-cmd -q --reload
# A reload wipes the chains of Docker, which brings them back when it starts.
systemctl restart docker
