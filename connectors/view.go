package connectors

import "sluice/transforms"

// View is how limit headers, Retry-After, tokens and errors are shown to a consumer.
type View struct {
	Name   string
	Raw    bool // the vendor's answer, byte for byte: no transform, no added header
	Face   transforms.Face
	Token  string // json | vendor
	Errors string // json | problem | text
}

// shippedViews is the table of the views that are always there. SailPoint's connectors want the token of a sign-in as
// JSON; the clients of the other views were written for the vendor and read its own.
var shippedViews = map[string]View{
	"sailpoint": {Face: transforms.Faces["sailpoint"], Token: "json", Errors: "json"},
	"seconds":   {Face: transforms.Faces["seconds"], Token: "vendor", Errors: "json"},
	"http-date": {Face: transforms.Faces["http_date"], Token: "vendor", Errors: "json"},
	"ietf":      {Face: transforms.Faces["ietf"], Token: "vendor", Errors: "problem"},
	"raw":       {Raw: true, Token: "vendor", Errors: "json"},
}

// defaultView is the view of who names none.
const defaultView = "sailpoint"
