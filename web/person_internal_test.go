package web

import (
	"fmt"
	"testing"

	"sluice/aggregation"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]aggregation.Account{
		`user="Ann" display="Ann" external="" name="" "" "" emails=[]`: {Name: "Ann"},
		`user="ann" display="Ann E" external="7" name="Ann E" "Ann" "E" emails=["a@x" "b@x"]`: {Name: "N", Attributes: map[string]any{
			"user_name": "ann", "login": "other", "full-name": "Ann E", "EXTERNALID": "7", "first_name": "Ann", "Surname": "E", "mail": "c@x", "emails": []any{"a@x", nil, "b@x"}}},
		`user="a" display="N" external="" name="" "" "" emails=[]`:     {Name: "N", Attributes: map[string]any{"UserName": "a", "user_name": "b", "USERNAME": ""}},
		`user="login" display="N" external="" name="" "" "" emails=[]`: {Name: "N", Attributes: map[string]any{"UserName": nil, "login": "login"}},
	} {
		for range 20 { // whatever order a map has
			p := personOf(a)
			got := fmt.Sprintf("user=%q display=%q external=%q name=%q %q %q emails=%q", p.userName, p.displayName, p.externalID, p.formatted, p.givenName, p.familyName, p.emails)
			if got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	}
}
