tofu import homelab_pve_token.ci 'ci@pve!deploy'
