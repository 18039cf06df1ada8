package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// TestSecretsAppearNowhere plants every kind of secret, sends them down every road (well, refused, failing), and reads all that
// Sluice says of it.
func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	const beid, servicesKey = "planted-beid-7f3a", "planted-services-key-91c4"
	key, hash := connectors.NewKey()
	r := newRig(t, fmt.Sprintf(`
listeners: {main: {address: "127.0.0.1:0"}}
admin: {address: "127.0.0.1:0"}
logging: {level: debug}
consumers: {iga: {keys: [%q], choose_view: true}}
connections:
  tdx: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}
  held:
    connector: teamdynamix
    base_url: VENDOR
    allow_networks: [127.0.0.0/8]
    auth: managed
    credentials: {beid: "${env:PLANTED_BEID}", web_services_key: "${file:services-key}"}
  wrong:
    connector: teamdynamix
    base_url: VENDOR
    allow_networks: [127.0.0.0/8]
    auth: managed
    credentials: {beid: "${env:PLANTED_WRONG}", web_services_key: "${file:services-key}"}
`, hash), teamdynamix.Options{BEID: beid, WebServicesKey: servicesKey})
	r.write("services-key", servicesKey)
	vars := []string{"PLANTED_BEID=" + beid, "PLANTED_WRONG=planted-wrong-55d0"}
	r.start(vars...)

	own := []string{"X-Sluice-Key", key, "Content-Type", "application/json"}
	signed := r.ask("POST", r.url("main", "/tdx/api/auth/loginadmin"), r.credential(), slices.Concat(own, []string{"X-Sluice-View", "raw"})...)
	token := signed.body
	if signed.status != 200 || strings.Count(token, ".") != 2 {
		t.Fatalf("sign-in: got %d %q, want a bare token", signed.status, token)
	}
	bearer := slices.Concat(own, []string{"Authorization", "Bearer " + token})
	for path, head := range map[string][]string{
		"/tdx/api/accounts": bearer, "/held/api/accounts": own, "/wrong/api/accounts": own, "/nobody/api": bearer,
		"/tdx/api/accounts?access_token=" + token: bearer, "/tdx/api/people/" + token: bearer,
	} {
		r.ask("GET", r.url("main", path), "", head...)
	}
	r.ask("POST", r.url("main", "/tdx/api/auth/loginadmin"), `{"BEID":"planted-wrong-55d0","WebServicesKey":"`+servicesKey+`"}`, own...)
	r.ask("GET", r.url("main", "/tdx/api/accounts"), "", "X-Sluice-Key", key+"x")
	r.ask("GET", r.url("main", "/tdx/api/accounts"), "", "Proxy-Authorization", "Bearer "+key)
	for _, broken := range []string{
		"GET /tdx/api HTTP/1.1\r\nHost: x\r\nX-Sluice-Key: " + key + "\r\nAuthorization: Bearer " + token + "\r\nno colon\r\n\r\n",
		"POST /tdx/api HTTP/1.1\r\nHost: x\r\nX-Sluice-Key: " + key + "\r\nTransfer-Encoding: chunked\r\n\r\n" + servicesKey + "\r\n\r\n",
	} {
		r.raw(broken)
	}
	r.write("sluice.yaml", "connections: {tdx: {connector: teamdynamix, auth: managed, credentials: {beid: "+beid+", web_services_key: "+servicesKey+"}}}\nconsumers: {x: {keys: ["+key+"]}}\n")
	refused := r.reload()

	r.app.logs.flush()
	said := map[string]string{"log": r.log.String(), "reload": refused.body}
	for _, page := range []string{"/readyz", "/metrics", "/debug/requests", "/debug/requests?format=html", "/admin/limits", "/admin/limits?format=html", "/"} {
		said[page] = r.ask("GET", r.adminURL(page), "").body
	}
	for _, args := range [][]string{{"check"}, {"check", "-o", "json"}, {"config", "show"}} {
		var out bytes.Buffer
		run(t.Context(), append(args, "--config", r.folder), vars, nil, &out, &out)
		said["faulty, "+strings.Join(args, " ")] = out.String()
	}
	for where, text := range said {
		if text == "" {
			t.Errorf("%s: got nothing said, so nothing was proved", where)
		}
		for what, secret := range map[string]string{
			"BEID": beid, "wrong BEID": "planted-wrong-55d0", "web services key": servicesKey, "access key": key, "token": token, "token's signature": token[strings.LastIndexByte(token, '.')+1:],
		} {
			if strings.Contains(text, secret) {
				at := strings.Index(text, secret)
				t.Errorf("%s: got the %s in it, want it nowhere: …%q", where, what, text[max(0, at-80):at])
			}
		}
	}
}

// raw sends what no client of the library would write, and waits until it has been answered.
func (r *rig) raw(request string) {
	r.t.Helper()
	conn, err := net.DialTimeout("tcp", r.app.Address("main"), 5*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		r.t.Errorf("a malformed request: got %q %v, want 400", answer, err)
	}
}

// TestConfigShowKeepsSecrets: what runs is shown with references, and can be loaded again.
func TestConfigShowKeepsSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
connections:
  tdx:
    connector: teamdynamix
    base_url: VENDOR
    auth: managed
    credentials: {beid: "${env:PLANTED_BEID}", web_services_key: "${file:services-key}"}
`, teamdynamix.Options{})
	r.write("services-key", "planted-services-key-91c4")
	vars := []string{"PLANTED_BEID=planted-beid-7f3a", configVariable + "=" + filepath.Join(r.folder, "sluice.yaml")}
	for _, format := range []string{"text", "json"} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"config", "show", "-o", format}, vars, nil, &out, &errs); code != exitOK {
			t.Fatalf("%s: got exit code %d, %s; want 0", format, code, &errs)
		}
		for _, want := range []string{"${env:PLANTED_BEID}", "${file:services-key}", "127.0.0.1:8080"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: got no %s in\n%s", format, want, &out)
			}
		}
		if strings.Contains(out.String(), "planted-") {
			t.Errorf("%s: got a secret in\n%s", format, &out)
		}
	}
}
