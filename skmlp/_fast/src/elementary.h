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

/* exp(r) - 1 for |r| <= ln(2) / 2. Terms are added two by two, so that few wait for each other. */
static inline REAL NAME(expm1_near_zero)(REAL r) {
    const REAL s = r * r;
#if PRECISION == 32
    const REAL a = 0.166665769896987757f * r + 0.5f;
    const REAL b = 0.00836317905272257737f * r + 0.0416665546172045742f;
    return r + s * (a + s * (b + s * 0.00139261835877134945f));
#else
    const REAL a = 0.166666666666666675 * r + 0.5;
    const REAL b = 0.00833333333333006183 * r + 0.0416666666666241279;
    const REAL c = 0.000198412698630536169 * r + 0.00138888889172137169;
    const REAL d = 2.75572684599950648e-6 * r + 0.0000248015212959543751;
    const REAL e = 2.51003854955103191e-8 * r + 2.76200884454097482e-7;
    const REAL z = s * s;
    return r + s * ((a + s * b) + z * ((c + s * d) + z * e));
#endif
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

/* The share of standard normal numbers below x. Below 0 it is exp(-x^2 / 2) times a function that
 * falls like 1 / |x|: what is left is smooth in (|x| - 4) / (|x| + 4). */
static inline REAL NAME(normal_cdf)(REAL x) {
    const REAL size = NAME(magnitude)(x), t = size > 40 ? 40 : size;
    const REAL s = (t - 4) / (t + 4);
    REAL tail;
#if PRECISION == 32
    REAL q = -0.00015732056958f;
    q = q * s + 0.00012932568134f;
    q = q * s + 0.0015637868988f;
    q = q * s - 0.0034761678949f;
    q = q * s - 0.0075122313818f;
    q = q * s + 0.06039529587f;
    q = q * s - 0.18652671087f;
    q = q * s + 0.38713756291f;
    q = q * s - 0.60789640381f;
    q = q * s + 0.75528512714f;
#else
    REAL q = -1.6886576756376107487e-9;
    q = q * s - 1.2772351352785692366e-9;
    q = q * s + 1.6067386844098428956e-8;
    q = q * s + 1.9569608898291983745e-8;
    q = q * s - 7.8783603164791423564e-8;
    q = q * s - 1.6223163199291735312e-7;
    q = q * s + 2.647337278563947126e-7;
    q = q * s + 1.0269840700290276336e-6;
    q = q * s - 6.2495510748131386889e-7;
    q = q * s - 5.9228937774559365767e-6;
    q = q * s + 7.1460215298497396041e-7;
    q = q * s + 0.000035145602359003845465;
    q = q * s - 1.9076760306724277911e-6;
    q = q * s - 0.00023109513778727735234;
    q = q * s + 0.00013334420916013826652;
    q = q * s + 0.0016308184854735836141;
    q = q * s - 0.0034796923566515014913;
    q = q * s - 0.0075401889688916187908;
    q = q * s + 0.060396574890360918379;
    q = q * s - 0.18652185795957871576;
    q = q * s + 0.38713740074222660182;
    q = q * s - 0.6078966419718929576;
    q = q * s + 0.75528513041575145148;
#endif
    tail = NAME(exp)(t * t * (REAL)-0.5) * q / (t + 4);
    return x > 0 ? 1 - tail : tail;
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
