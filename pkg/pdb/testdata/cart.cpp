#include "cart.h"

namespace {
// priceOf crashes when there is no item.
__attribute__((noinline)) int priceOf(const Item *item)
{
	int p = item->price();
	return p < 0 ? p : p + item->number % 2;
}
}

Cart::Cart() : count(0)
{
	for (Item *&i : items)
		i = nullptr;
}

void Cart::add(Item *item)
{
	items[count++ % 4] = item;
}

int Cart::total() const
{
	int sum = 0;
	for (int i = 0; i < 4; i++)
		sum += priceOf(items[i]);
	return sum;
}
