#include "flow/http_date.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { DAY_S = 86400 };

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";
static const char *const long_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

struct date {
    int64_t year;
    unsigned month, day; /* from 1 */
    unsigned hour, minute, second;
};

/* Days since 1970-01-01 of a day of the Gregorian calendar, and back: years are counted from March,
 * so that the leap day is the last of a year, and 400 of them have 146,097 days. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t n, struct date *ret)
{
    n += 719468;
    int64_t era = (n >= 0 ? n : n - 146096) / 146097;
    unsigned day_of_era = (unsigned)(n - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0: March */
    ret->day = day_of_year - (153 * month + 2) / 5 + 1;
    ret->month = month < 10 ? month + 3 : month - 9;
    ret->year = era * 400 + year_of_era + (ret->month <= 2);
}

static void put_digits(char *to, unsigned n, uint64_t value)
{
    while (n-- > 0) {
        to[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

void http_date_format(int64_t time_s, char ret[HTTP_DATE_LENGTH])
{
    static const int64_t last = 253402300799; /* 9999-12-31 23:59:59 */
    struct date d;
    time_s = time_s < 0 ? 0 : time_s > last ? last : time_s;
    int64_t day = time_s / DAY_S;
    unsigned second = (unsigned)(time_s % DAY_S);
    date_of_days(day, &d);
    memcpy(ret, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_LENGTH);
    memcpy(ret, days + (day + 4) % 7 * 3, 3);
    put_digits(ret + 5, 2, d.day);
    memcpy(ret + 8, months + (d.month - 1) * 3, 3);
    put_digits(ret + 12, 4, (uint64_t)d.year);
    put_digits(ret + 17, 2, second / 3600);
    put_digits(ret + 20, 2, second / 60 % 60);
    put_digits(ret + 23, 2, second % 60);
}

/* -- reading: a pattern, each of whose letters stands for a number or a name -- */

static bool take_number(const char *at, size_t digits, unsigned *ret)
{
    unsigned value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(at[i] - '0');
    }
    *ret = value;
    return true;
}

static bool take_month(const char *at, unsigned *ret)
{
    for (unsigned m = 0; m < 12; m++)
        if (memcmp(at, months + m * 3, 3) == 0) {
            *ret = m + 1;
            return true;
        }
    return false;
}

static bool is_day(const char *at)
{
    for (size_t d = 0; d < 7; d++)
        if (memcmp(at, days + d * 3, 3) == 0)
            return true;
    return false;
}

/* "15:04:05" */
static bool take_clock(const char *at, struct date *d)
{
    return take_number(at, 2, &d->hour) && at[2] == ':' && take_number(at + 3, 2, &d->minute) &&
           at[5] == ':' && take_number(at + 6, 2, &d->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_fixdate(const char *p, size_t n, struct date *d)
{
    unsigned year;
    if (n != HTTP_DATE_LENGTH || !is_day(p) || memcmp(p + 3, ", ", 2) != 0 ||
        !take_number(p + 5, 2, &d->day) || p[7] != ' ' || !take_month(p + 8, &d->month) ||
        p[11] != ' ' || !take_number(p + 12, 4, &year) || p[16] != ' ' || !take_clock(p + 17, d) ||
        memcmp(p + 25, " GMT", 4) != 0)
        return false;
    d->year = year;
    return true;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" (RFC 850) */
static bool parse_rfc850(const char *p, size_t n, int64_t this_year, struct date *d)
{
    unsigned year;
    const char *comma = memchr(p, ',', n);
    size_t n_day = comma ? (size_t)(comma - p) : 0;
    bool named = false;
    for (size_t i = 0; i < 7; i++)
        named |= strlen(long_days[i]) == n_day && memcmp(p, long_days[i], n_day) == 0;
    if (!named || n != n_day + 24)
        return false;
    p += n_day;
    if (p[1] != ' ' || !take_number(p + 2, 2, &d->day) || p[4] != '-' ||
        !take_month(p + 5, &d->month) || p[8] != '-' || !take_number(p + 9, 2, &year) ||
        p[11] != ' ' || !take_clock(p + 12, d) || memcmp(p + 20, " GMT", 4) != 0)
        return false;
    d->year = this_year - this_year % 100 + year;
    if (d->year > this_year + 50)
        d->year -= 100;
    else if (d->year <= this_year - 50)
        d->year += 100;
    return true;
}

/* "Sun Nov  6 08:49:37 1994" (asctime) */
static bool parse_asctime(const char *p, size_t n, struct date *d)
{
    unsigned year;
    if (n != 24 || !is_day(p) || p[3] != ' ' || !take_month(p + 4, &d->month) || p[7] != ' ' ||
        !(p[8] == ' ' ? take_number(p + 9, 1, &d->day) : take_number(p + 8, 2, &d->day)) ||
        p[10] != ' ' || !take_clock(p + 11, d) || p[19] != ' ' || !take_number(p + 20, 4, &year))
        return false;
    d->year = year;
    return true;
}

static bool is_possible(const struct date *d)
{
    static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);
    return d->day >= 1 && d->day <= lengths[d->month - 1] + (unsigned)(leap && d->month == 2) &&
           d->hour < 24 && d->minute < 60 && d->second <= 60; /* 60: a leap second */
}

int http_date_parse(const char *bytes, size_t n, int64_t now_s, int64_t *ret)
{
    struct date now, d;
    date_of_days(now_s / DAY_S, &now);
    if (!parse_fixdate(bytes, n, &d) && !parse_rfc850(bytes, n, now.year, &d) &&
        !parse_asctime(bytes, n, &d))
        return -EINVAL;
    if (!is_possible(&d))
        return -EINVAL;
    *ret = days_of(d.year, d.month, d.day) * DAY_S + d.hour * 3600 + d.minute * 60 + d.second;
    return 0;
}
