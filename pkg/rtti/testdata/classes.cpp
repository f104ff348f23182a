namespace ns { struct A { virtual int a(){return 1;} int x; }; struct B { virtual int b(){return 2;} int y; };
template<class T> struct C : A, B { T t; int b() override {return 3;} }; struct V : virtual A { virtual int v(){return 4;} }; }
extern "C" { __declspec(selectany) extern const void *const tivft[2] asm(TINAME) = {0,0}; int _fltused; }
ns::A a; ns::C<int> c; ns::V v; extern "C" void use(){}
