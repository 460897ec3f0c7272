/* Parts of berth that lie in files of their own, so that the libraries they need are loaded by
 * those alone who use them.
 *
 * Such a file lies beside the program as the build leaves it, or in the folder where it was
 * installed.
 */
#pragma once

struct err;

/* Opens the file and finds the symbol; it stays open as long as the program runs. For the error:
 * what it is for, "TLS". 0, or a negative errno with *e filled: -ENOENT where there is no such
 * file, -ELIBACC where the loader won't have it, a library of others missing for one. */
int module_open(const char *file, const char *symbol, const char *what, const void **ret,
                struct err *e);
