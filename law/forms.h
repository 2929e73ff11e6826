// The forms, one function a file; law_form.h is what callers include.
#ifndef ISOFLOP_LAW_FORMS_H_
#define ISOFLOP_LAW_FORMS_H_

#include "law/law_form.h"

namespace isoflop {

LawForm chinchilla_form();
LawForm kaplan_form();
LawForm muennighoff_form();
LawForm gadre_form();
LawForm clark_form();
LawForm krajewski_form();
LawForm abnar_form();
LawForm ludziejewski_form();
LawForm kumar_form();
LawForm power_form();
LawForm broken_power_form();
LawForm farseer_form();
LawForm sigmoid_form();
LawForm downstream_form();

}  // namespace isoflop

#endif  // ISOFLOP_LAW_FORMS_H_
