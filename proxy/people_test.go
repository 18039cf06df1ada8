package proxy_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
)

// peopleOf asks the vendor itself for everybody's UID.
func peopleOf(t *testing.T, base, token string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/TDWebApi/api/people/userlist?isActive=&isEmployee=&userType=None", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var people []struct{ UID string }
	if err := json.NewDecoder(resp.Body).Decode(&people); err != nil || len(people) == 0 {
		t.Fatalf("userlist: %d people, %v", len(people), err)
	}
	uids := make([]string, len(people))
	for i, p := range people {
		uids[i] = p.UID
	}
	return uids
}

func sum(data []byte) [32]byte { return sha256.Sum256(data) }
