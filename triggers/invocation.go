package triggers

import (
	"encoding/json"
	"time"
)

// State is where an invocation stands.
//
//	waiting ──Send──▶ done                      FIRE_AND_FORGET, or an output came with the answer
//	   │  ▲    │ └──▶ asked ──complete──▶ done  ASYNC and DYNAMIC; past the deadline: dead
//	   │  └────┘ again later
//	   └─────────────▶ dead ──replay──▶ waiting
//
// One whose filter failed is dead from the beginning. A replay sends it that names it, or asks for what is undecided.
//
// An operator can give up what is waiting or asked, which is dead then, and send what waits to be tried again before its time.
//
// A receiver that is quick completes while it is still waiting, before what it answered is kept.
type State string

// States of an invocation.
const (
	Waiting State = "waiting"
	Asked   State = "asked"
	Done    State = "done"
	Dead    State = "dead"
)

// Invocation is one event on its way to one subscription. Its ID is derived from both, and stays the same however often it is sent.
type Invocation struct {
	Seq          int64 // order of the subscription's invocations
	ID           string
	Subscription string
	Trigger      string
	Test         bool
	State        State
	Attempts     int       // in all
	Tries        int       // since it began, or was replayed
	Due          time.Time // when it is sent again; zero: at once
	Created      time.Time
	Completed    time.Time // zero until it is done or dead
	Deadline     time.Time // by which an asked one must be completed; zero otherwise
	Secret       string    // with which it is completed; only in what is to be sent
	Event        Event
	Content      json.RawMessage // of a test: contentJson, as it came
	Reason       string          // why it is dead, why it is sent again, or that a secret was taken out of Output
	Output       json.RawMessage // what the receiver answered, or completed with
	Fault        string          // what the receiver said was wrong when it completed
}

// Size is about how many bytes it takes in memory.
func (i *Invocation) Size() int64 {
	return int64(len(i.Event.Data) + len(i.Content) + len(i.Output) + 512)
}

// Undecided is how the reason begins of one that is dead because its filter failed.
const Undecided = "whether it passes the filter is not known: "

// SecretHidden is the reason of one that is done with an output out of which a secret was taken.
const SecretHidden = "a secret of the subscription or of the invocation was taken out of the output"

// Attempt is one time that an invocation was sent.
type Attempt struct {
	Number  int
	Time    time.Time
	Took    time.Duration
	Status  int    // of the answer; 0: there was none
	Answer  []byte // its first 4 KiB, redacted
	Outcome string // delivered | asked | retried | dead
	Reason  string
}

// Result is what became of a delivery, as it is kept.
type Result struct {
	Seq      int64
	Attempt  Attempt
	State    State
	Due      time.Time // of Waiting
	Deadline time.Time // of Asked
	Reason   string
	Output   json.RawMessage
}
