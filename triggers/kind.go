package triggers

// Kind tells whether a trigger wants an answer.
type Kind string

// Kinds of triggers, in SailPoint's words.
const (
	FireAndForget   Kind = "FIRE_AND_FORGET"
	RequestResponse Kind = "REQUEST_RESPONSE"
)
