package filter

import (
	"fmt"
	"math"
	"slices"
)

// A function makes a value of the one that it stands behind.
type function func(e *evaluation, value any, arguments []argument) (any, error)

// functions are Jayway's, by their name; size is another name of length there.
var functions = map[string]function{
	"length": length, "size": length, "concat": concat, "keys": keys, "append": appended,
	"first": func(_ *evaluation, value any, _ []argument) (any, error) { return at("first", value, 0) },
	"last":  func(_ *evaluation, value any, _ []argument) (any, error) { return at("last", value, -1) },
	"index": func(e *evaluation, value any, arguments []argument) (any, error) {
		position, err := arguments[0].get(e)
		if err != nil {
			return nil, err
		}
		n, is, err := e.number(position)
		if err != nil {
			return nil, err
		}
		if !is || math.Abs(n) > math.MaxInt32 {
			return nil, fmt.Errorf("index() needs a number")
		}
		return at("index", value, int(n))
	},
	"min": aggregate("min", slices.Min),
	"max": aggregate("max", slices.Max),
	"sum": aggregate("sum", sum),
	"avg": aggregate("avg", func(n []float64) float64 { return sum(n) / float64(len(n)) }),
	"stddev": aggregate("stddev", func(n []float64) float64 {
		mean, squares := sum(n)/float64(len(n)), 0.0
		for _, one := range n {
			squares += (one - mean) * (one - mean)
		}
		return math.Sqrt(squares / float64(len(n)))
	}),
}

// calculated is the last step of a path that ends in a function.
func calculated(t token, next step) step {
	run := functions[t.function]
	return func(e *evaluation, value any) error {
		if err := e.step(1); err != nil {
			return err
		}
		result, err := run(e, value, t.arguments)
		if err != nil {
			return err
		}
		return next(e, result)
	}
}

func (a *argument) get(e *evaluation) (any, error) {
	if a.isValue {
		return a.value, nil
	}
	return a.path.read(e, e.item)
}

// length counts a list or an object; of anything else it is null. With an argument it counts what is in there.
func length(e *evaluation, value any, arguments []argument) (any, error) {
	if len(arguments) > 0 {
		mark := len(e.stack)
		defer func() { e.stack = e.stack[:mark] }()
		from := e.item
		if arguments[0].path.root {
			from = e.root
		}
		err := arguments[0].every(e, from)
		return float64(len(e.stack) - mark), err
	}
	switch value := value.(type) {
	case []any:
		return float64(len(value)), nil
	case map[string]any:
		return float64(len(value)), nil
	}
	return nil, nil
}

// keys are the names in an object, in their order; of anything else they are null.
func keys(e *evaluation, value any, _ []argument) (any, error) {
	object, is := value.(map[string]any)
	if !is {
		return nil, nil
	}
	sorted, err := e.names(object)
	if err != nil {
		return nil, err
	}
	names := make([]any, 0, len(sorted))
	for _, name := range sorted {
		names = append(names, name)
	}
	return names, nil
}

func at(name string, value any, position int) (any, error) {
	list, is := value.([]any)
	if !is {
		return nil, fmt.Errorf("%s() needs a list, found %s", name, short(value))
	}
	if position < 0 {
		position += len(list)
	}
	if position < 0 || position >= len(list) {
		return nil, fmt.Errorf("%s() needs a longer list than one of %d", name, len(list))
	}
	return list[position], nil
}

// appended is the list with the arguments behind it. The document stays as it is, unlike in Jayway.
func appended(e *evaluation, value any, arguments []argument) (any, error) {
	list, is := value.([]any)
	if !is {
		return value, nil
	}
	if err := e.step(len(list)); err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	for i := range arguments {
		one, err := arguments[i].get(e)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func sum(numbers []float64) (total float64) {
	for _, n := range numbers {
		total += n
	}
	return total
}

// aggregate calculates with the numbers of a list and of the arguments, and passes over what is none.
func aggregate(name string, calculate func([]float64) float64) function {
	return func(e *evaluation, value any, arguments []argument) (any, error) {
		var numbers []float64
		collect := func(one any) error {
			n, is, err := e.number(one)
			if err != nil {
				return err
			}
			if is {
				numbers = append(numbers, n)
			}
			return e.step(1)
		}
		list, _ := value.([]any)
		for _, one := range list {
			if err := collect(one); err != nil {
				return nil, err
			}
		}
		if err := spread(e, arguments, collect); err != nil {
			return nil, err
		}
		if len(numbers) == 0 {
			return nil, fmt.Errorf("%s() found no number", name)
		}
		return calculate(numbers), nil
	}
}

// spread hands on each argument, and of a list each element.
func spread(e *evaluation, arguments []argument, collect func(any) error) error {
	for i := range arguments {
		value, err := arguments[i].get(e)
		if err != nil {
			return err
		}
		list, is := value.([]any)
		if !is || arguments[i].isValue {
			list = []any{value}
		}
		for _, one := range list {
			if err := collect(one); err != nil {
				return err
			}
		}
	}
	return nil
}
