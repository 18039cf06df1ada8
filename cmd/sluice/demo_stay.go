package main

import (
	"fmt"
	"path/filepath"
)

// stay says what runs and what to try.
func (p *demoPlay) stay() {
	h := p.house
	p.stage.write(fmt.Sprintf(`
Everything keeps running; Ctrl-C stops it.

  the vendor      %s
  Sluice          %s
  admin           %s/metrics, %s/debug/requests
  configuration   %s   (change it: Sluice reads it again)

Sign in, then read a person:

  token=$(%s \
    | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -si %s/api/people/%s \
    -H "Authorization: Bearer $token"
`, h.through.url+demoBase, h.sluice, h.admin, h.admin, filepath.Join(h.folder, "sluice.yaml"), signInCurl(h.sluice, h.tenant), h.sluice, p.uids[0]))
}
