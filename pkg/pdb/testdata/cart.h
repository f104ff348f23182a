// A shop's cart: the program that the symbol files of the tests are of.
struct Item {
	int number;
	explicit Item(int n) : number(n) {}
	virtual ~Item() {}
	virtual int price() const = 0;
};

struct Book : Item {
	int pages;
	Book(int n, int p) : Item(n), pages(p) {}
	int price() const override { return 5 + pages / 10; }
};

struct Voucher : Item {
	int value;
	Voucher(int n, int v) : Item(n), value(v) {}
	int price() const override { return -value; }
};

class Cart {
	Item *items[4];
	int count;

public:
	Cart();
	void add(Item *item);
	int total() const;
};
