"""What the gateway costs, measured beside two bare proxies in the same run (`make bench`)."""
