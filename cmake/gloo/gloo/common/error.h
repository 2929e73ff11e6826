// See gloo/names.h.
#include "gloo/names.h"
