package addresses_test

import (
	"errors"
	"net/netip"
	"testing"

	"sluice/internal/addresses"
)

func TestPermit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address string
		allow   string
		want    bool
	}{
		{"8.8.8.8", "", true},
		{"2606:4700::1111", "", true},
		{"10.1.2.3", "", false},
		{"10.1.2.3", "10.1.0.0/16", true},
		{"10.2.2.3", "10.1.0.0/16", false},
		{"127.0.0.1", "", false},
		{"169.254.169.254", "", false},
		{"fd00:ec2::254", "", false},
		{"100.64.1.1", "", false},
		{"0.0.0.0", "", false},
		{"::", "", false},
		{"::1", "", false},
		{"224.0.0.1", "", false},
		{"ff02::1", "", false},
		{"fe80::1%eth0", "", false},
		{"::ffff:10.0.0.1", "", false},
		{"::ffff:10.0.0.1", "10.0.0.0/8", true},
		{"::ffff:8.8.8.8", "", true},
		{"64:ff9b::a00:1", "", false},
		{"64:ff9b::808:808", "", true},
		{"2002:a00:1::1", "", false},
		{"2002:808:808::1", "", true},
		{"255.255.255.255", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.address+" "+tt.allow, func(t *testing.T) {
			t.Parallel()
			var allow []netip.Prefix
			if tt.allow != "" {
				allow = append(allow, netip.MustParsePrefix(tt.allow))
			}
			if err := addresses.Permit(netip.MustParseAddr(tt.address), allow); (err == nil) != tt.want || (err != nil && !errors.Is(err, addresses.ErrRefused)) {
				t.Errorf("Permit(%s) = %v, want permitted = %t", tt.address, err, tt.want)
			}
		})
	}
}
