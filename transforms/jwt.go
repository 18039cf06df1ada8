package transforms

import (
	"encoding/json"
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// jwtExpiry returns a JWT's exp. The signature is not looked at: the vendor who issued the token judges it, and all that
// is asked here is when to sign in again. An unknown algorithm is therefore no obstacle.
func jwtExpiry(token string) (time.Time, bool) {
	claims := jwt.MapClaims{}
	// The error tells of the algorithm and the signature too; whether the claims could be read, they tell themselves.
	_, _, _ = jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(token, claims)
	number, ok := claims["exp"].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || seconds < plausible || seconds >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
