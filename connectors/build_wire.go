package connectors

import (
	"net/netip"
	"net/url"
	"slices"
)

// wire checks how a connection reaches its vendor.
func (b *setBuild) wire(key string, entry *connectionEntry, made *Connection) {
	w := entry.Wire
	made.Wire = Wire{
		Engine: w.Engine, AllowNetworks: entry.AllowNetworks, Egress: entry.Egress, CA: b.path(w.CA), Certificate: b.path(w.Certificate),
		Key: b.path(w.Key), ServerName: w.ServerName, Proxy: w.Proxy, MaxConns: w.MaxConns,
	}
	b.roots(key+".wire.ca", made.Wire.CA)
	switch {
	case w.Certificate != "" && w.Key == "":
		b.fault(key+".wire.key", "is required beside certificate: the file with its private key")
	case w.Certificate == "" && w.Key != "":
		b.fault(key+".wire.certificate", "is required beside key: the file with the certificate that the key belongs to")
	default:
		b.pair(key+".wire", made.Wire.Certificate, made.Wire.Key)
	}
	if w.ServerName != "" && !isHost(w.ServerName) {
		b.fault(key+".wire.server_name", "is %q, must be a host name such as api.vendor.example", w.ServerName)
	}
	b.proxy(key+".wire.proxy", w.Proxy)
	for i, network := range entry.AllowNetworks {
		if network != network.Masked() {
			b.fault(index(key+".allow_networks", i), "%s has bits outside its mask: write %s", network, network.Masked())
		}
	}
	b.egress(key+".egress", entry.Egress)
}

func (b *setBuild) proxy(key, text string) {
	if text == "" || text == "environment" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		b.fault(key, "must be http://host:port, https://host:port, or environment")
	case u.User != nil:
		b.fault(key, "must not hold a user name or password: say environment, and set HTTPS_PROXY to the URL with them")
	}
}

func (b *setBuild) egress(key string, addrs []netip.Addr) {
	for i, addr := range addrs {
		switch {
		case addr.IsUnspecified() || addr.IsMulticast():
			b.fault(index(key, i), "%s is no address that a call can come from: name one of this machine's", addr)
		case slices.Contains(addrs[:i], addr):
			b.fault(index(key, i), "%s stands here twice: remove one, a source address has one budget", addr)
		}
	}
}
