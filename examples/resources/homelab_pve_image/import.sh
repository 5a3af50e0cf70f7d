tofu import homelab_pve_image.debian pve1/local:import/debian-13-genericcloud-amd64.qcow2

# With where it is from, so that the next plan is empty.
tofu import homelab_pve_image.debian "pve1/local:import/debian-13-genericcloud-amd64.qcow2 url=https://cloud.example.com/debian-13.qcow2 allow_unverified=true"
