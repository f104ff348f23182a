#include "cart.h"

extern "C" int _fltused = 1;
extern "C" const void *table_of_type_info[2] = {nullptr, nullptr};
extern "C" void __cdecl _purecall() { for (;;); }

// Who loads the program says where its memory is from.
extern "C" void *(*take)(decltype(sizeof 0)) = nullptr;

void *operator new(decltype(sizeof 0) n) { return take(n); }
void operator delete(void *) noexcept {}
void operator delete(void *, decltype(sizeof 0)) noexcept {}

namespace shop {
__attribute__((noinline)) int checkout(Cart &cart, int customer)
{
	int sum = cart.total();
	return customer == 0 ? sum : sum * 9 / 10;
}
}

static __attribute__((noinline)) int serve(int customer)
{
	Cart cart;
	cart.add(new Book(1, 300));
	cart.add(new Voucher(2, 7));
	return shop::checkout(cart, customer) + 1;
}

extern "C" int run(int customer)
{
	int paid = serve(customer);
	return paid > 0 ? paid : 0;
}

extern "C" __declspec(dllexport) int start()
{
	return run(7) * 2;
}
