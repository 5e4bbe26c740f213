/* Elementary functions for vector code: no branch, no table, no call.
 *
 * Included for float and for double; REAL, BITS and the constants below depend on which. The
 * polynomials are Chebyshev fits. Accuracy is a few units in the last place, and NaN stays NaN. */

#if PRECISION == 32
#define LOG2E 1.44269504088896341f
#define LN2_HIGH 0.693145751953125f
#define LN2_LOW 1.42860682030941723e-6f
#define MAGIC 12582912.0f           /* 1.5 * 2^23: adding it rounds to an integer */
#define MANTISSA 23
#define BIAS 127
#define EXP_LOW -104.0f             /* exp is 0 below and infinite above */
#define EXP_HIGH 89.0f
#define TANH_HIGH 10.0f             /* tanh is 1 beyond */
#define SQRT_HALF 0.70710678118654752f
#else
#define LOG2E 1.44269504088896341
#define LN2_HIGH 0.693147180369123816490
#define LN2_LOW 1.90821492927058770002e-10
#define MAGIC 6755399441055744.0    /* 1.5 * 2^52 */
#define MANTISSA 52
#define BIAS 1023
#define EXP_LOW -746.0
#define EXP_HIGH 710.0
#define TANH_HIGH 20.0
#define SQRT_HALF 0.70710678118654752
#endif

static inline UINT NAME(bits)(REAL x) {
    UINT u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline REAL NAME(from_bits)(UINT u) {
    REAL x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^n, for n in the range of normal numbers. */
static inline REAL NAME(power_of_two)(UINT n) {
    return NAME(from_bits)((n + BIAS) << MANTISSA);
}

/* exp(r) - 1 for |r| <= ln(2) / 2. */
static inline REAL NAME(expm1_near_zero)(REAL r) {
#if PRECISION == 32
    REAL q = 0.00139261835877134945f;
    q = q * r + 0.00836317905272257737f;
    q = q * r + 0.0416665546172045742f;
    q = q * r + 0.166665769896987757f;
    q = q * r + 0.5f;
#else
    REAL q = 2.51003854955103191e-8;
    q = q * r + 2.76200884454097482e-7;
    q = q * r + 2.75572684599950648e-6;
    q = q * r + 0.0000248015212959543751;
    q = q * r + 0.000198412698630536169;
    q = q * r + 0.00138888889172137169;
    q = q * r + 0.00833333333333006183;
    q = q * r + 0.0416666666666241279;
    q = q * r + 0.166666666666666675;
    q = q * r + 0.5;
#endif
    return r + r * r * q;
}

/* Write x = n ln(2) + r with |r| <= ln(2) / 2; return r. */
static inline REAL NAME(reduce)(REAL x, UINT *n) {
    REAL t = x * (REAL)LOG2E + (REAL)MAGIC;
    *n = NAME(bits)(t) - NAME(bits)((REAL)MAGIC);
    t -= (REAL)MAGIC;
    return (x - t * (REAL)LN2_HIGH) - t * (REAL)LN2_LOW;
}

static inline REAL NAME(exp)(REAL x) {
    UINT n, half;
    REAL r;
    x = x > (REAL)EXP_HIGH ? (REAL)EXP_HIGH : x;
    x = x < (REAL)EXP_LOW ? (REAL)EXP_LOW : x;
    r = NAME(reduce)(x, &n);
    /* Two factors, since 2^n may be too large, or not a normal number. n may be negative. */
    half = ((n + 2 * BIAS) >> 1) - BIAS;
    return (1 + NAME(expm1_near_zero)(r)) * NAME(power_of_two)(half) *
           NAME(power_of_two)(n - half);
}

/* exp(x) - 1 with all digits near 0; x is at most 2 TANH_HIGH. */
static inline REAL NAME(expm1)(REAL x) {
    UINT n;
    REAL r, s;
    x = x < (REAL)-50 ? (REAL)-50 : x;
    r = NAME(reduce)(x, &n);
    s = NAME(power_of_two)(n);
    return s * NAME(expm1_near_zero)(r) + (s - 1);
}

/* log(w) + rest, for w a positive normal number. */
static inline REAL NAME(log_plus)(REAL w, REAL rest) {
    /* n may be negative: BIAS makes it positive for the shift. */
    UINT n = ((NAME(bits)(w) - NAME(bits)((REAL)SQRT_HALF) + ((UINT)BIAS << MANTISSA)) >> MANTISSA)
             - BIAS;
    REAL m = NAME(from_bits)(NAME(bits)(w) - (n << MANTISSA));
    REAL k = NAME(from_bits)(NAME(bits)((REAL)MAGIC) + n) - (REAL)MAGIC;
    REAL f = m - 1, s = f / (2 + f), z = s * s;
#if PRECISION == 32
    REAL L = 0.233305819382418938f;
    L = L * z + 0.285508165997115487f;
    L = L * z + 0.400001218769720015f;
    L = L * z + 0.666666665544516463f;
#else
    REAL L = 0.130867670099481737;
    L = L * z + 0.132687596685606127;
    L = L * z + 0.153862402058134779;
    L = L * z + 0.181817956308847532;
    L = L * z + 0.222222223918004693;
    L = L * z + 0.2857142857080323;
    L = L * z + 0.400000000000008776;
    L = L * z + 0.666666666666666665;
#endif
    return k * (REAL)LN2_HIGH + (f - s * (f - z * L) + (k * (REAL)LN2_LOW + rest));
}

static inline REAL NAME(log)(REAL w) {
    return NAME(log_plus)(w, 0);
}

/* log(1 + u) with all digits near 0; u is not negative and finite. */
static inline REAL NAME(log1p)(REAL u) {
    REAL w = 1 + u, lost = u - (w - 1);
    return NAME(log_plus)(w, lost / w);
}

static inline REAL NAME(magnitude)(REAL x) {
    return NAME(from_bits)(NAME(bits)(x) & ~((UINT)1 << (PRECISION - 1)));
}

static inline REAL NAME(with_sign_of)(REAL size, REAL x) {
    return NAME(from_bits)(NAME(bits)(size) | (NAME(bits)(x) & ((UINT)1 << (PRECISION - 1))));
}

static inline REAL NAME(tanh)(REAL x) {
    REAL size = NAME(magnitude)(x), e;
    size = size > (REAL)TANH_HIGH ? (REAL)TANH_HIGH : size;
    e = NAME(expm1)(2 * size);
    return NAME(with_sign_of)(e / (e + 2), x);
}

static inline REAL NAME(sigmoid)(REAL x) {
    return 1 / (1 + NAME(exp)(-x));
}

/* The share of standard normal numbers below x. */
static inline REAL NAME(normal_cdf)(REAL x) {
    return (REAL)0.5 * (1 + (REAL)ERF(x * (REAL)0.70710678118654752440));
}

static void NAME(map)(int function, ptrdiff_t n, const REAL *x, REAL *y) {
    ptrdiff_t i;
    switch (function) {
    case EXP: for (i = 0; i < n; i++) y[i] = NAME(exp)(x[i]); break;
    case EXPM1: for (i = 0; i < n; i++) y[i] = NAME(expm1)(x[i]); break;
    case LOG_FUNCTION: for (i = 0; i < n; i++) y[i] = NAME(log)(x[i]); break;
    case LOG1P: for (i = 0; i < n; i++) y[i] = NAME(log1p)(x[i]); break;
    case TANH_FUNCTION: for (i = 0; i < n; i++) y[i] = NAME(tanh)(x[i]); break;
    case SIGMOID: for (i = 0; i < n; i++) y[i] = NAME(sigmoid)(x[i]); break;
    case NORMAL_CDF: for (i = 0; i < n; i++) y[i] = NAME(normal_cdf)(x[i]); break;
    }
}

#undef LOG2E
#undef LN2_HIGH
#undef LN2_LOW
#undef MAGIC
#undef MANTISSA
#undef BIAS
#undef EXP_LOW
#undef EXP_HIGH
#undef TANH_HIGH
#undef SQRT_HALF
