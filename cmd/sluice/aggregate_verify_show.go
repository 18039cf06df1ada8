package main

import (
	"encoding/json"
	"fmt"
	"time"

	"sluice/aggregation"
)

// verified is what verify prints.
type verified struct {
	Connection string            `json:"connection"`
	Resource   string            `json:"resource"`
	Plan       string            `json:"plan"`
	Other      string            `json:"other,omitempty"` // the plan on the other side; "": the snapshot
	Seed       uint64            `json:"seed"`
	Sample     int               `json:"sample"`
	Same       int               `json:"same"`
	Differ     int               `json:"differ"`
	Changed    int               `json:"changed"` // themselves, meanwhile or since the snapshot was read
	Gone       int               `json:"gone"`
	Unreadable int               `json:"unreadable"`
	Listed     [2]int            `json:"listed"` // accounts in the plan's list and on the other side
	Calls      int               `json:"calls"`
	Findings   []verifiedAccount `json:"findings"`
}

type verifiedAccount struct {
	ID         string              `json:"id"`
	Verdict    string              `json:"verdict"` // differs | changed | gone | unreadable
	Attributes []verifiedAttribute `json:"attributes,omitempty"`
	Reason     string              `json:"reason,omitempty"`
	ReadAt     time.Time           `json:"readAt,omitzero"` // into the snapshot
}

type verifiedAttribute struct {
	Name  string          `json:"attribute"`
	Plan  json.RawMessage `json:"plan"`
	Other json.RawMessage `json:"other"`
}

var verdictWords = map[aggregation.Verdict]string{
	aggregation.Differs: "differs", aggregation.Moved: "changed", aggregation.Vanished: "gone", aggregation.Unreadable: "unreadable",
}

func verifiedOf(f aggregation.Finding) verifiedAccount {
	a := verifiedAccount{ID: f.ID, Verdict: verdictWords[f.Verdict], Reason: f.Reason, ReadAt: f.ReadAt}
	for _, at := range f.Attributes {
		a.Attributes = append(a.Attributes, verifiedAttribute{at.Name, at.Old, at.New})
	}
	return a
}

func (v *verified) count(out aggregation.Checked) {
	v.Sample, v.Listed, v.Calls = out.Sample, [2]int{out.Listed, out.Other}, out.Calls
	v.Same, v.Differ, v.Changed = out.Found[aggregation.Same], out.Found[aggregation.Differs], out.Found[aggregation.Moved]
	v.Gone, v.Unreadable = out.Found[aggregation.Vanished], out.Found[aggregation.Unreadable]
}

// side names what is on the other side.
func side(plan string) string {
	if plan == "" {
		return "in the snapshot"
	}
	return "by plan " + plan
}

// line is the end of what is printed: the counts.
func (v *verified) line() string {
	return fmt.Sprintf("%d of %s %s compared: %d the same, %d different, %d changed meanwhile, %d gone, %d unreadable; listed %d by plan %s and %d %s; %s; --seed %d draws the same ones",
		v.Sample, v.Connection, v.Resource, v.Same, v.Differ, v.Changed, v.Gone, v.Unreadable, v.Listed[0], v.Plan, v.Listed[1], side(v.Other),
		count(v.Calls, "call"), v.Seed)
}

// findingLine is an account that is not the same on both sides.
func findingLine(c aggregation.Check, f aggregation.Finding, now time.Time) string {
	age, id, reason := "", shownID(f.ID), shownText(f.Reason)
	if text := f.Age(now); text != "" {
		age = " (" + text + ")"
	}
	switch f.Verdict {
	case aggregation.Moved:
		return "> " + id + "  changed meanwhile" + age
	case aggregation.Vanished:
		return "- " + id + "  gone" + age
	case aggregation.Unreadable:
		return "? " + id + "  could not be read: " + reason
	}
	line := "~ " + id + age
	if reason != "" {
		line += "  " + reason
	}
	for _, a := range f.Attributes {
		line += fmt.Sprintf("\n    %s: %s by plan %s, %s %s", shownText(a.Name), shownText(string(a.Old)), c.Plan, shownText(string(a.New)), side(c.Other))
	}
	return line
}
