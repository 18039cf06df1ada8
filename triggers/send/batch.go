package send

import "sluice/triggers"

// mostBytes is what a batch may weigh, as the strictest of the services has it.
const mostBytes = 256 << 10

// inBatches calls with as many deliveries as may go together by their weight. One that AWS refuses for good may spoil the others of its call, so
// they are then sent one by one, which is no second attempt: nothing of a refused call was taken.
func inBatches(all []triggers.Delivery, call func([]triggers.Delivery) []error) []error {
	var errs []error
	for len(all) > 0 {
		n, weight := 0, 0
		for n < len(all) && n < mostInBatch && (n == 0 || weight+weigh(all[n]) <= mostBytes) {
			weight += weigh(all[n])
			n++
		}
		got := call(all[:n])
		if n > 1 && spoilt(got) {
			got = got[:0]
			for i := range n {
				got = append(got, call(all[i:i+1])...)
			}
		}
		errs = append(errs, got...)
		all = all[n:]
	}
	return errs
}

// weigh is the body with room for what goes along.
func weigh(d triggers.Delivery) int { return len(d.Body) + 2<<10 }

func spoilt(errs []error) bool {
	for _, err := range errs {
		if err != errs[0] || !triggers.IsPermanent(err) { //nolint:errorlint // one and the same error stands for the whole call
			return false
		}
	}
	return true
}

// each is n times err.
func each(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
