package connectors_test

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/connectors"
)

// richMain says something under every key, so that Show has something to lose.
const richMain = `
listeners: {main: {address: 127.0.0.1:0}, second: {address: "localhost:0"}}
admin: {off: true}
logging: {level: debug}
tracing: {endpoint: "http://127.0.0.1:4318", ratio: 0, headers: {Authorization: "${env:ACME_BEID}"}}
database: "postgres://sluice@db.example/sluice"
leases: {share: 0.25, transit: 10s}
limits: {request_body: 1500KB, max_hold: 0s, bulk_floor: 0.2, shutdown: 1h}
views: {mine: {like: raw, limit_header: "", retry_after_min: 0s, ietf: false, keep_original: true}}
consumers:
  iga: {keys: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"], view: mine, methods: [GET], connections: [a], choose_view: true, lane: critical, choose_lane: true}
connections:
  a:
    connector: acme
    base_url: https://a.example
    auth: managed
    credentials: {key: "${env:ACME_KEY}"}
    allow_networks: [10.0.0.0/8]
    egress: ["192.0.2.1"]
    limits: {"GET /x": {limit: 3, spread: false, starts: bucket, burst: 9, penalty: 0s, policy: daily}}
    aggregation: {plans: {people: second}, changed_only: true, workers_per_node: 2, guard: {percent: 0, minimum: 1}}
  b: {connector: acme, base_url: https://b.example, max_hold: 9s, bulk_floor: 0.3, limits: {"GET /x": {concurrent: 4}}, breaker: {off: true}}
`

const richAcme = secretAcme + "limits: {headers: {style: x, policy: daily}, window: 1s, rules: [{match: GET /x, limit: 5, spread: true}]}\n" +
	"resources: {people: {kind: user, key: .id, plans: {first: {list: {call: GET /x}}, second: {list: {call: GET /y}}}, account: {name: .name}}}\n"

func TestShow(t *testing.T) {
	t.Parallel()
	set := load(t, richMain, richAcme, "SLUICE_CONNECTIONS_B_HOST=b.sluice.example")
	first, err := set.Show()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/show.txt"
	if *update {
		if err := os.WriteFile(golden, first, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, want) {
		t.Errorf("got\n%s\nwant\n%s", first, want)
	}
	if strings.Contains(string(first), "planted") {
		t.Error("a secret is shown")
	}
	second, err := load(t, string(first), richAcme).Show()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("what is shown means something else when it is loaded: got\n%s\nwant\n%s", second, first)
	}
}

// FuzzLoad holds that any sluice.yaml is either refused with a place for every fault, or shown and loaded again the same.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(richMain))
	f.Add([]byte(oneMain))
	f.Add([]byte("connections: {a: {connector: acme}}\nviews: {a: {like: b}, b: {like: a}}\n"))
	shippedMain, err := configs.FS.ReadFile("sluice.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shippedMain)
	f.Fuzz(func(t *testing.T, main []byte) {
		env := connectors.Environment{Vars: []string{"ACME_KEY=planted-key", "ACME_BEID=planted-beid"}, Open: openNothing}
		set, faults := connectors.Load(files(map[string]string{"sluice.yaml": string(main), "connectors/acme.yaml": richAcme}), env)
		if (set == nil) != (len(faults) > 0) {
			t.Fatalf("got Set %v and %d faults", set != nil, len(faults))
		}
		for _, fault := range faults {
			if fault.File != "sluice.yaml" || fault.Line == 0 || fault.Message == "" || strings.Contains(fault.String(), "planted") {
				t.Errorf("fault without place or words, or with a secret: %+v", fault)
			}
		}
		if set == nil {
			return
		}
		first, err := set.Show()
		if err != nil {
			t.Fatal(err)
		}
		again, faults := connectors.Load(files(map[string]string{"sluice.yaml": string(first), "connectors/acme.yaml": richAcme}), env)
		if faults != nil {
			t.Fatalf("what was shown is refused: %v\n%s", faults, first)
		}
		if second, err := again.Show(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("shown %v\n%s\nand then\n%s", err, first, second)
		}
	})
}

// openNothing is a disk without files.
func openNothing(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
