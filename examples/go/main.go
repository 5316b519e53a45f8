// Works on orders, never on the same one twice at a time: the extension acquires the lock before this runs.
//
// provided.al2023 knows no wrapper: attach the Lambda layer for OS-only runtimes and set LOCKS_PROXY=1. The package
// contains the program under the name of its handler, and no file `bootstrap`:
//
//	go mod init orders && go get github.com/aws/aws-lambda-go
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o orders . && zip orders.zip orders
//
// With LOCKS_CONTEXT=text the handler finds its fencing token in the client context, where Go reads nothing but text.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	OrderID string `json:"orderId"`
}

type done struct {
	OrderID string `json:"orderId"`
	Fence   uint64 `json:"fence"`
}

func handler(ctx context.Context, event order) (done, error) {
	return done{event.OrderID, fencingToken(ctx)}, nil
}

// 0 if the event was delivered without a lock.
func fencingToken(ctx context.Context) uint64 {
	var lock struct {
		Fence uint64 `json:"fence"`
	}
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		// What cannot be read leaves 0.
		_ = json.Unmarshal([]byte(invocation.ClientContext.Custom["lambda-locks"]), &lock)
	}
	return lock.Fence
}

func main() {
	lambda.Start(handler)
}
