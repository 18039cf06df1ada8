package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTriggersListAndShow(t *testing.T) {
	t.Parallel()
	_, out, _ := command(t, nil, "triggers", "list", "-o", "json")
	var lines []triggerLine
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) < 29 {
		t.Fatalf("got %d triggers, %v, want at least 29", len(lines), err)
	}
	_, out, _ = command(t, nil, "triggers", "show", "idn:access-request-pre-approval", "-o", "json")
	var page triggerPage
	if err := json.Unmarshal([]byte(out), &page); err != nil || page.OutputSchema == nil || !json.Valid([]byte(page.InputSchema)) || page.Kind != "REQUEST_RESPONSE" {
		t.Errorf("got %s, %v, want a trigger with both schemas as texts", out, err)
	}
	for args, want := range map[string]string{
		"triggers list": "ID ", "triggers show sluice:aggregation-held": `"reason": "2,210 of`,
		"triggers show idn:access-request-pre-approval":                                   "An answer:\n",
		"triggers show idn:identity-created --schema avro":                                `"name": "IdentityCreatedInput"`,
		"triggers show idn:identity-created --schema json-schema":                         `"$ref": "#/definitions/record:IdentityCreatedInput"`,
		"triggers show idn:access-request-dynamic-approver --schema json-schema --answer": `"record:AccessRequestDynamicApproverOutput"`,
	} {
		if code, out, errs := command(t, nil, strings.Fields(args)...); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("sluice %s: got exit code %d, %s and no %q in\n%s", args, code, errs, want, out)
		}
	}
	for args, want := range map[string]string{
		"triggers show idn:identity-creatd":                                `there is no trigger "idn:identity-creatd"`,
		"triggers show idn:identity-created --schema xsd":                  "must be json-schema or avro",
		"triggers show idn:identity-created --answer":                      "name json-schema or avro",
		"triggers show idn:identity-created --schema avro --answer":        "has no answer: its type is FIRE_AND_FORGET",
		"triggers show acme:free --schema avro -c " + customTrigger(t, ""): "describe it by fields",
	} {
		if code, out, errs := command(t, nil, strings.Fields(args)...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("sluice %s: got exit code %d, %q, %q; want %d, nothing, %q", args, code, out, errs, exitUsage, want)
		}
	}
}

// customTrigger writes a trigger's file with a JSON Schema, and more after it.
func customTrigger(t *testing.T, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "free.yaml")
	if err := os.WriteFile(path, []byte("id: acme:free\nname: Free\ninput: {json_schema: {type: object}, example: {a: 1}}\n"+more), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckOfATrigger(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		"":                  "ok",
		"inputs: {}\n":      "free.yaml:4:1: inputs: unknown key; did you mean input?",
		"output: {fields: ": "free.yaml:",
	} {
		code, out, errs := command(t, nil, "check", customTrigger(t, more))
		if (code == exitOK) != (want == "ok") || !strings.Contains(out, want) {
			t.Errorf("sluice check with %q: got exit code %d, %s and no %q in\n%s", more, code, errs, want, out)
		}
	}
	_, out, _ := command(t, nil, "config", "schema", "trigger")
	if want := "https://sluice.invalid/schema/trigger.json"; !strings.Contains(out, want) {
		t.Errorf("config schema trigger: got %.200q, want in it %s", out, want)
	}
}
