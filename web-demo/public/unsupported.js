// Run only by browsers that know no modules; the pages themselves would stay silent there.
var problem = document.getElementById("problem");
problem.hidden = false;
problem.textContent =
  "This browser is too old for the page: it needs JavaScript modules and fetch or EventSource. 这个浏览器太旧，无法显示本页。";
