package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// demoRows are the figures of both sides.
func demoRows(direct, through demoTally, window time.Duration) [][3]string {
	row := func(name string, figure func(demoTally) string) [3]string {
		return [3]string{name, figure(direct), figure(through)}
	}
	return [][3]string{
		{"", "directly", "through Sluice"},
		row("people read", func(t demoTally) string { return fmt.Sprint(t.Read) }),
		row("requests", func(t demoTally) string { return fmt.Sprint(t.Requests) }),
		row("refused with 429", func(t demoTally) string { return orNone(t.Refused) }),
		row("windows waited out after a refusal", func(t demoTally) string { return orNone(t.Blind) }),
		row("time in them, all threads together", func(t demoTally) string { return seconds(t.Waited) }),
		row("slowest request", func(t demoTally) string { return seconds(t.Longest) }),
		row("took", func(t demoTally) string { return seconds(t.Took) }),
		row("took at the vendor's real pace, about", func(t demoTally) string {
			return seconds(time.Duration(float64(t.Took) * realWindow.Seconds() / window.Seconds()).Round(time.Second))
		}),
	}
}

func orNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// seconds shows a duration: tenths of a second, whole seconds where there is no fraction, milliseconds below one.
func seconds(d time.Duration) string {
	switch {
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// showSignIn is what a sign-in answered, with the token shortened.
func showSignIn(a demoAnswer) []string {
	lines := []string{fmt.Sprintf("%d  %s", a.Status, a.Header.Get("Content-Type"))}
	var fields map[string]any
	if json.Unmarshal(a.Body, &fields) != nil {
		return append(lines, short(string(a.Body)))
	}
	for _, name := range []string{"access_token", "token_type", "expires_in"} {
		value, there := fields[name]
		if !there {
			continue
		}
		text := fmt.Sprint(value)
		if number, ok := value.(float64); ok {
			text = fmt.Sprintf("%.0f", number)
		}
		if name == "access_token" {
			text = short(text)
		}
		lines = append(lines, fmt.Sprintf("%s: %s", name, text))
	}
	return lines
}

// hasTokenFields tells whether a sign-in was answered with all that a connector maps.
func hasTokenFields(body []byte) bool {
	var token struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	return json.Unmarshal(body, &token) == nil && token.AccessToken != "" && token.TokenType == "Bearer" && token.ExpiresIn > 0
}

// short shows the beginning of a token and how long it is.
func short(token string) string {
	const head = 11
	if len(token) <= 2*head {
		return fmt.Sprintf("(%d characters)", len(token))
	}
	return fmt.Sprintf("%s… (%d characters)", token[:head], len(token))
}

// showPerson is what a read of a person answered, as far as it differs.
func showPerson(a demoAnswer) []string {
	var person struct{ FullName string }
	_ = json.Unmarshal(a.Body, &person) // without a name the line says so by itself
	lines := []string{fmt.Sprintf("%d  %s", a.Status, person.FullName)}
	for _, name := range []string{"Limit", "Remaining", "Reset"} {
		lines = append(lines, fmt.Sprintf("X-RateLimit-%s: %s", name, a.Header.Get("X-RateLimit-"+name)))
	}
	return lines
}
