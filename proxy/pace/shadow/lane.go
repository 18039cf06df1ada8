package shadow

import "time"

// Lane is how urgent a call is. A lower one goes first.
type Lane uint8

// The lanes.
const (
	Critical    Lane = iota // terminations and disables: never behind another lane
	Interactive             // provisioning writes and live reads: somebody waits for the answer
	Bulk                    // aggregation: what is left, and never nothing
)

// Lanes is how many there are.
const Lanes = 3

var laneNames = [Lanes]string{"critical", "interactive", "bulk"}

// String is the lane's name, as configuration and metrics spell it.
func (l Lane) String() string { return laneNames[l] }

// Sent is a call that is out. Whoever sent it gives it back, once, to Answer, Lost or Unsend.
type Sent struct {
	at       time.Duration
	seq      int64
	answered int64 // calls that had been answered when it was sent
	freed    int64 // places of the log that had come free by then
	out      int32 // calls that were out when it was sent
	promise  int32 // what our best model said would be left after it
	lane     Lane
}
