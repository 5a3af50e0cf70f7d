tofu import homelab_pve_token.ci 'ci@pve!deploy'

# With the rotation that gave its present secret, so that the next plan is empty.
tofu import homelab_pve_token.ci 'ci@pve!deploy rotation_id=2026-05'
