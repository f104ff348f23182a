namespace ns { struct B { virtual ~B(); virtual int f(int) const; }; struct C { virtual void g() &; virtual void h(); }; 
template<class T,int N,class...U> struct T1 : B, virtual C { T a[N]; static T s; virtual int f(int) const; T1(); void (T1::*pm)(U...) noexcept; operator T*() const { return 0; } }; }
namespace { struct Hidden : ns::C { void h() override; }; void Hidden::h() {} }
enum class E : int { a }; union Un { int i; };
template<class T,int N,class...U> int ns::T1<T,N,U...>::f(int) const { return 0; }
template<class T,int N,class...U> ns::T1<T,N,U...>::T1() {}
ns::B::~B(){} int ns::B::f(int) const {return 1;} void ns::C::g() & {} void ns::C::h(){}
int arr[3][4]; const char *const names[] = {"a","b\"\n"}; const wchar_t *w = L"wide\x1234 text that is longer than thirty-two characters";
int (*fp)(int, char(*)[5]); int ns::B::*dp; int (ns::B::*mp)(int) const;
struct Dyn { Dyn(); ~Dyn(); }; Dyn dyn; 
template<int*P> void tp(){} template<int (*F)(int)> int tf(){return 0;} template<class F> void call(F f){ f(); } template<bool B, char Ch, long long L> void vals(){}
int g; int gi(int x){return x;} __int64 ll(unsigned __int64, bool, E, Un, decltype(nullptr), char16_t, char32_t) {return 0;}
inline int st(){ static Dyn d; static int k = gi(4); return k; } 
void rr(int&&, const volatile int&, int * __restrict, ...){} void __vectorcall vv(float){} void __fastcall ff(int){} void __stdcall ss(int){}
struct Ops { int operator[](int); bool operator==(const Ops&) const; Ops& operator++(); Ops operator++(int); void* operator new(unsigned long long); void operator delete(void*); int operator()(int,int); Ops* operator->(); bool operator<(int); explicit operator bool(); private: static int sm(int); protected: virtual void pv(); };
int Ops::operator[](int){return 0;} bool Ops::operator==(const Ops&)const{return 0;} Ops& Ops::operator++(){return *this;} Ops Ops::operator++(int){return *this;} void* Ops::operator new(unsigned long long){return 0;} void Ops::operator delete(void*){} int Ops::operator()(int,int){return 0;} Ops*Ops::operator->(){return this;} bool Ops::operator<(int){return 0;} Ops::operator bool(){return 0;} int Ops::sm(int){return 0;} void Ops::pv(){}
long double operator"" _km(long double x){return x;}
void use(){ new Hidden; new ns::T1<int,3,char,E>; new ns::T1<Hidden,2>; tp<&g>(); tf<gi>(); call([]{ g=1; }); call([&](auto...){}); vals<true,'x',-5>(); st(); struct Local { virtual void z(){} }; new Local; (int*)ns::T1<int,3,char,E>(); auto l=[](int q){ static int n; return n+=q; }; l(3); }
