package connectors

import "strconv"

// joinKey and index spell the path of a key as faults say it: routes[2].response[0].jq.
func joinKey(parent, child string) string {
	switch {
	case child == "":
		return parent
	case parent == "" || child[0] == '[':
		return parent + child
	}
	return parent + "." + child
}

func index(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

// matchKey is the key of the i-th of n matches: alone, it may stand without a list.
func matchKey(key string, i, n int) string {
	if n == 1 {
		return key
	}
	return index(key, i)
}
