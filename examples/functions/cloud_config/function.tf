output "user_data" {
  description = "User data that installs a web server."
  value = provider::homelab::cloud_config({
    hostname       = "web"
    package_update = true
    packages       = ["nginx"]
    write_files = [{
      path        = "/var/www/html/index.html"
      permissions = "0644"
      content     = "<h1>It works</h1>\n"
    }]
    runcmd = [["systemctl", "enable", "--now", "nginx"]]
  })
}
