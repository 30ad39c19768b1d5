// One trace: the span that the address names is in view.
whenRead(() => document.querySelector(".span.chosen > summary")?.scrollIntoView({ block: "nearest" }));
