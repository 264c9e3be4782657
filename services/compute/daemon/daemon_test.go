package daemon

import "testing"

func TestIDRange(t *testing.T) {
	var r idRange
	if err := r.UnmarshalText([]byte("31-60")); err != nil || len(r) != 30 || r[0] != 31 || r[29] != 60 {
		t.Errorf("31-60 = %v, %v", r, err)
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "0-1", "2-1", "1-61", "a-b", "1-2-3", "1 - 2"} {
		if err := new(idRange).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
