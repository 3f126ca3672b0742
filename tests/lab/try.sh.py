import subprocess, sys, glob
deb = glob.glob("/srv/project/build/*.deb")[0]
def sh(c):
    print("$", c, flush=True)
    subprocess.run(c, shell=True)
sh(f"dpkg -i {deb}")
sh("ls -la /etc/hotlined /var/lib /run/hotlined; cat /etc/hotlined/main.yaml")
sh("systemctl list-units 'hotlined*' --no-legend --plain; sleep 3; systemctl status hotlined@main --no-pager | head -30; journalctl -u hotlined@main --no-pager | tail -20")
sh("hotlined --version; hotlined status; hotlined --config x status; hotlined --line 'A-b' status; su -s /bin/sh -c 'hotlined status' nobody")
