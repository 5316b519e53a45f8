// Package lambda stands in for the package of this name in aws-lambda-go, which cannot be fetched in CI: as much of it
// as runs one handler of a context and an event.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"reflect"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Start gives each event to the handler, as long as there are any.
func Start(handler interface{}) {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil || next.StatusCode != http.StatusOK {
			log.Fatalf("no event: %v, %v", next, err)
		}
		event, err := io.ReadAll(next.Body)
		next.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		invocation := &lambdacontext.LambdaContext{AwsRequestID: id}
		if text := next.Header.Get("Lambda-Runtime-Client-Context"); text != "" {
			if err := json.Unmarshal([]byte(text), &invocation.ClientContext); err != nil {
				log.Fatalf("the client context cannot be read: %v", err)
			}
		}
		ctx := lambdacontext.NewContext(context.Background(), invocation)
		post(api+id+"/response", call(handler, ctx, event))
	}
}

func call(handler interface{}, ctx context.Context, event []byte) []byte {
	function := reflect.ValueOf(handler)
	argument := reflect.New(function.Type().In(1))
	if err := json.Unmarshal(event, argument.Interface()); err != nil {
		log.Fatal(err)
	}
	results := function.Call([]reflect.Value{reflect.ValueOf(ctx), argument.Elem()})
	if err := results[1].Interface(); err != nil {
		log.Fatal(err)
	}
	response, err := json.Marshal(results[0].Interface())
	if err != nil {
		log.Fatal(err)
	}
	return response
}

func post(url string, body []byte) {
	answer, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
}
